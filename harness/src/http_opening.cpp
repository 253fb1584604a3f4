#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/write.hpp>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>
#include <sstream>
#include <utility>

#include "opening.h"

namespace pindrill {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;

constexpr std::size_t kMaxHead = 64 * 1024;
constexpr std::string_view kEnd = "\r\n\r\n";

std::string_view std_view(string_view view) { return {view.data(), view.size()}; }

struct Authority {
  std::string host;
  std::uint16_t port;
};

/// host [":" port] (RFC 3986 section 3.2), user information left out.
std::optional<Authority> authority(std::string_view text, std::uint16_t default_port) {
  if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  const auto bracket = text.rfind(']');
  const auto colon = text.rfind(':');
  Authority found{"", default_port};
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  found.host = plain_host(has_port ? text.substr(0, colon) : text);
  if (has_port) {
    const auto digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), found.port);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  }
  if (found.host.empty() || found.host.size() > 255 || found.port == 0) return std::nullopt;
  return found;
}

std::string response(const char* status, const std::string& why) {
  const auto body = "pindrill: " + why + "\n";
  return std::string("HTTP/1.1 ") + status +
         "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

class HttpOpening final : public Opening {
 public:
  enum class Form { proxy, origin };

  HttpOpening(Form form, std::uint16_t port) : form_(form), default_port_(port) {
    parser_.header_limit(kMaxHead);
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());  // it is handed on as it comes
  }

  State feed(std::span<const unsigned char> bytes) override {
    const auto before = text_.size();
    text_.append(bytes.begin(), bytes.end());
    if (std::isalpha(static_cast<unsigned char>(text_.front())) == 0) return bad("400 Bad Request", "this is no HTTP");
    // Beast takes part of a head for good or bad depending on where it was cut: it gets whole ones.
    const auto end = text_.find(kEnd, before < kEnd.size() ? 0 : before - kEnd.size());
    parsed_ = std::min(end, text_.size()) + kEnd.size();
    if (parsed_ > kMaxHead) return bad("400 Bad Request", "the head of the request is too long");
    if (end == std::string::npos) return State::more;
    boost::beast::error_code error;
    parser_.put(boost::asio::buffer(text_.data(), parsed_), error);
    if (!error && parser_.is_header_done()) return head();
    return bad("400 Bad Request", "not an HTTP/1 request: " + error.message());
  }

  std::string answer() override { return std::exchange(answer_, ""); }

  std::string connected() const override { return tunnel_ ? "HTTP/1.1 200 Connection established\r\n\r\n" : ""; }

  std::string not_connected(const std::string& why) const override {
    return response("502 Bad Gateway", "no connection to " + authority_text() + ": " + why);
  }

  std::string refused(const std::string& why) const override {
    return response("403 Forbidden", "no connection to " + authority_text() + ": " + why);
  }

 private:
  State head() {
    const auto target = std_view(parser_.get().target());
    if (form_ == Form::origin) return to_host_field();
    if (parser_.get().method() == http::verb::connect) return tunnel(target);
    const string_view kScheme = "http://";
    if (!boost::beast::iequals(parser_.get().target().substr(0, kScheme.size()), kScheme)) {
      return bad("400 Bad Request", "this is a proxy: it takes CONNECT, and http:// requests in absolute form");
    }
    const auto rest = target.substr(kScheme.size());
    const auto slash = std::min(rest.find_first_of("/?"), rest.size());
    const auto where = authority(rest.substr(0, slash), 80);
    if (!where) return bad("400 Bad Request", "no host and port in " + std::string(target));
    const auto path = std::string(rest.substr(slash));
    return forward(*where, path.empty() || path.front() != '/' ? "/" + path : path);
  }

  State tunnel(std::string_view target) {
    const auto where = authority(target, 0);
    if (!where) return bad("400 Bad Request", "CONNECT takes host:port, not " + std::string(target));
    host_ = where->host;
    port_ = where->port;
    rest_ = text_.substr(parsed_);
    tunnel_ = true;
    return State::connect;
  }

  State to_host_field() {
    const auto where = authority(std_view(parser_.get()[http::field::host]), default_port_);
    if (!where) return bad("400 Bad Request", "no usable Host field");
    host_ = where->host;
    port_ = where->port;
    rest_ = text_;
    return State::forward;
  }

  /// One request a connection: the next may be for another server.
  State forward(const Authority& where, const std::string& path) {
    host_ = where.host;
    port_ = where.port;
    auto& request = parser_.get();
    request.target(path);
    request.erase("Proxy-Connection");
    request.erase(http::field::proxy_authorization);
    upgrades_ = request.find(http::field::upgrade) != request.end();
    if (!upgrades_) request.set(http::field::connection, "close");
    std::ostringstream rewritten;
    rewritten << request.base();
    rest_ = rewritten.str() + text_.substr(parsed_);
    return State::forward;
  }

  std::string authority_text() const { return host_ + ":" + std::to_string(port_); }

  State bad(const char* status, const std::string& why) {
    answer_ = response(status, why);
    return State::bad;
  }

  Form form_;
  std::uint16_t default_port_;
  http::request_parser<http::empty_body> parser_;
  std::string text_;
  std::size_t parsed_ = 0;
  std::string answer_;
  bool tunnel_ = false;
};

}  // namespace

std::unique_ptr<Opening> http_proxy_opening() { return std::make_unique<HttpOpening>(HttpOpening::Form::proxy, 80); }

std::unique_ptr<Opening> host_field_opening(std::uint16_t port) {
  return std::make_unique<HttpOpening>(HttpOpening::Form::origin, port);
}

std::string plain_host(std::string_view host) {
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  std::string lower(host);
  for (auto& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace pindrill
