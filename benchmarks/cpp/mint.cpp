// Leaves per second from existing P-256 keys, one thread; and bare P-256 signatures per second by the same library.
//
//   pindrill-bench-mint SECONDS

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "pindrill/pki.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSlices = 20;  ///< of both in turn: what disturbs the machine disturbs both

/// How often some work was done, and how long that took.
struct Count {
  long done = 0;
  double seconds = 0;

  template <typename Work>
  void add(double slice, Work work) {
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration<double>(slice);
    while (Clock::now() < end) {
      for (int i = 0; i < 20; ++i) work();
      done += 20;
    }
    seconds += std::chrono::duration<double>(Clock::now() - start).count();
  }
  double rate() const { return static_cast<double>(done) / seconds; }
};

void sign(EVP_PKEY* key) {
  static constexpr std::array<unsigned char, 32> digest{1, 2, 3};
  std::array<unsigned char, 80> signature{};
  std::size_t size = signature.size();
  const auto context = pindrill::owned(EVP_PKEY_CTX_new(key, nullptr), "sign");
  pindrill::check(EVP_PKEY_sign_init(context.get()) == 1 &&
                      EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) == 1,
                  "sign");
}

}  // namespace

int main(int argc, char** argv) {
  using pindrill::KeyPair, pindrill::KeyType;
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  const auto root = pindrill::Authority::root(KeyPair::generate(KeyType::p256), {.common_name = "root", .ca = true});
  const auto issuer = root.intermediate(KeyPair::generate(KeyType::p256), {.common_name = "issuer", .ca = true});
  const auto key = KeyPair::generate(KeyType::p256);
  const pindrill::CertificateSpec spec{.common_name = "app.pin.test", .dns = {"app.pin.test"}};
  Count leaves;
  Count signatures;
  for (int slice = -1; slice < kSlices; ++slice) {
    if (slice == 0) leaves = signatures = {};  // the first was the warm-up
    leaves.add(seconds / kSlices, [&] { (void)issuer.issue(key, spec); });
    signatures.add(seconds / kSlices / 2, [&] { sign(key.get()); });
  }
  std::printf("leaves %.1f\nsignatures %.1f\n", leaves.rate(), signatures.rate());
}
