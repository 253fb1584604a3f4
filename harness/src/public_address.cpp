#include <ifaddrs.h>

#include <boost/asio/ip/udp.hpp>
#include <memory>

#include "net_impl.h"

namespace pindrill {
namespace {

using asio::ip::address_v4;
using asio::ip::address_v6;

const Networks& private_networks() {
  static const Networks networks({
      "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
      "192.168.0.0/16", "198.18.0.0/15",
      "224.0.0.0/3",            // multicast, reserved, broadcast
      "::/96",                  // unspecified, loopback, IPv4-compatible
      "::ffff:0:0:0/96",        // IPv4-translated (RFC 7915)
      "64:ff9b:1::/48",         // local NAT64 (RFC 8215)
      "fc00::/7", "fe80::/10",  // unique local, link-local
      "fec0::/10", "ff00::/8",  // site-local, multicast
  });
  return networks;
}

/// The IPv4 address that a gateway, near or far, makes of an IPv6 address; itself if none does.
asio::ip::address behind_gateway(const asio::ip::address& address) {
  static const Networks nat64({"64:ff9b::/96"});     // RFC 6052
  static const Networks six_to_four({"2002::/16"});  // RFC 3056
  static const Networks teredo({"2001::/32"});       // RFC 4380: its bits are flipped
  if (address.is_v4()) return address;
  const auto text = address.to_string();
  const auto bytes = address.to_v6().to_bytes();
  const auto v4 = [&](std::size_t at, unsigned char flip) {
    address_v4::bytes_type octets;
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<unsigned char>(bytes[at + i] ^ flip);
    return asio::ip::address(address_v4(octets));
  };
  if (nat64.contain(text) || teredo.contain(text)) return v4(12, teredo.contain(text) ? 0xff : 0);
  return six_to_four.contain(text) ? v4(2, 0) : address;
}

bool has_address(const sockaddr* held, const asio::ip::address& address) {
  if (!held) return false;
  if (held->sa_family == AF_INET && address.is_v4()) {
    return reinterpret_cast<const sockaddr_in*>(held)->sin_addr.s_addr == htonl(address.to_v4().to_uint());
  }
  if (held->sa_family != AF_INET6 || !address.is_v6()) return false;
  address_v6::bytes_type bytes;
  std::copy_n(reinterpret_cast<const sockaddr_in6*>(held)->sin6_addr.s6_addr, bytes.size(), bytes.begin());
  return bytes == address.to_v6().to_bytes();
}

/// Does the kernel send from `address` what goes to `address`? It does for whole networks that are routed to itself,
/// which no interface holds. Nothing is sent.
bool routed_to_us(asio::io_context& context, const asio::ip::address& address) {
  ErrorCode error;
  asio::ip::udp::socket probe(context);
  const asio::ip::udp::endpoint there(address, 9);
  probe.open(there.protocol(), error);
  if (error || probe.connect(there, error)) return false;
  const auto here = probe.local_endpoint(error);
  return !error && here.address() == address;
}

}  // namespace

std::string why_not_public(asio::io_context& context, const asio::ip::address& wanted) {
  const auto address = unmapped(behind_gateway(wanted));
  if (private_networks().contain(address.to_string())) return "is a private address";
  // Asked each time: interfaces come and go.
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return "may be an address of this machine, which cannot list its own";
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> all(first, freeifaddrs);
  for (const auto* each = first; each; each = each->ifa_next) {
    if (has_address(each->ifa_addr, address)) return "is an address of this machine, which counts as private";
  }
  return routed_to_us(context, address) ? "is routed to this machine, which counts as private" : "";
}

}  // namespace pindrill
