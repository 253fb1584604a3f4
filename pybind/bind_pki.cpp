#include <pybind11/chrono.h>
#include <pybind11/stl.h>

#include <map>

#include "bind.h"
#include "pindrill/rotation.h"

namespace py = pybind11;

namespace pindrill::python {
namespace {

using NoGil = py::call_guard<py::gil_scoped_release>;

KeyType key_type(const std::string& name) {
  static const std::map<std::string, KeyType> types{{"rsa-2048", KeyType::rsa2048}, {"rsa-3072", KeyType::rsa3072},
                                                    {"rsa-4096", KeyType::rsa4096}, {"rsa-8192", KeyType::rsa8192},
                                                    {"p-256", KeyType::p256},       {"p-384", KeyType::p384},
                                                    {"p-521", KeyType::p521},       {"ed25519", KeyType::ed25519}};
  const auto found = types.find(name);
  if (found == types.end()) throw Error(ErrorKind::input, "no such key type: '" + name + "'");
  return found->second;
}

Bytes from_bytes(const py::bytes& bytes) {
  const std::string_view view = bytes;
  return {view.begin(), view.end()};
}

CertificateSpec spec_of(const std::string& common_name, const std::vector<std::string>& dns, bool ca,
                        std::optional<std::chrono::seconds> not_before, std::optional<std::chrono::seconds> not_after,
                        std::optional<int> path_length, const std::vector<std::string>& permitted_dns,
                        const std::optional<py::bytes>& subject_key_id, const std::optional<py::bytes>& serial,
                        const std::vector<std::string>& ip) {
  CertificateSpec spec;
  spec.common_name = common_name;
  spec.dns = dns;
  spec.ca = ca;
  spec.not_before = not_before;
  spec.not_after = not_after;
  spec.path_length = path_length;
  spec.permitted_dns = permitted_dns;
  if (subject_key_id) spec.subject_key_id = from_bytes(*subject_key_id);
  if (serial) spec.serial = from_bytes(*serial);
  spec.ip = ip;
  return spec;
}

void bind_keys(py::module_& module) {
  py::class_<KeyPair>(module, "KeyPair", "An asymmetric key; copies share it.")
      .def_static(
          "generate", [](const std::string& type) { return KeyPair::generate(key_type(type)); }, py::arg("type"),
          NoGil(), "A fresh key: p-256, p-384, p-521, rsa-2048 … rsa-8192, ed25519.")
      .def_static(
          "from_pem", [](const std::string& pem) { return KeyPair::from_pem(pem); }, py::arg("pem"),
          "A private key; or the public key of a public key, certificate or CSR.")
      .def_static("mismatched", &KeyPair::mismatched, py::arg("shown"), py::arg("signing"),
                  "The public half of `shown` with the private half of `signing`.")
      .def_property_readonly("has_private", &KeyPair::has_private)
      .def_property_readonly("type_name", &KeyPair::type_name)
      .def_property_readonly("spki", [](const KeyPair& key) { return to_bytes(key.spki()); })
      .def("private_pem", &KeyPair::private_pem)
      .def("public_pem", &KeyPair::public_pem)
      .def("__repr__", [](const KeyPair& key) { return "<KeyPair " + key.type_name() + ">"; });
}

void bind_certificates(py::module_& module) {
  py::class_<Certificate>(module, "Certificate", "One X.509 certificate.")
      .def_static(
          "from_pem", [](const std::string& pem) { return Certificate::from_pem(pem); }, py::arg("pem"))
      .def_static(
          "list_from_pem", [](const std::string& pem) { return Certificate::list_from_pem(pem); }, py::arg("pem"))
      .def_property_readonly("der", [](const Certificate& c) { return to_bytes(c.der()); })
      .def_property_readonly("pem", &Certificate::pem)
      .def_property_readonly("subject", &Certificate::subject)
      .def_property_readonly("issuer", &Certificate::issuer)
      .def_property_readonly("common_name", &Certificate::common_name)
      .def_property_readonly("dns_names", &Certificate::dns_names)
      .def_property_readonly("not_before", &Certificate::not_before)
      .def_property_readonly("not_after", &Certificate::not_after)
      .def_property_readonly("is_ca", &Certificate::is_ca)
      .def_property_readonly("serial", [](const Certificate& c) { return to_bytes(c.serial()); })
      .def_property_readonly("subject_key_id", [](const Certificate& c) { return to_bytes(c.subject_key_id()); })
      .def("__eq__", &Certificate::operator==)
      .def("__hash__", [](const Certificate& c) { return py::hash(to_bytes(c.der())); })
      .def("__repr__", [](const Certificate& c) { return "<Certificate " + c.subject() + ">"; });

  py::class_<CertificateSpec>(
      module, "CertificateSpec",
      "What a certificate shall say; times relative to now, usual ones within the issuer's by default.")
      .def(py::init(&spec_of), py::arg("common_name"), py::kw_only(), py::arg("dns") = std::vector<std::string>{},
           py::arg("ca") = false, py::arg("not_before") = std::nullopt, py::arg("not_after") = std::nullopt,
           py::arg("path_length") = std::nullopt, py::arg("permitted_dns") = std::vector<std::string>{},
           py::arg("subject_key_id") = std::nullopt, py::arg("serial") = std::nullopt,
           py::arg("ip") = std::vector<std::string>{});
}

}  // namespace

void bind_pki(py::module_& module) {
  bind_keys(module);
  bind_certificates(module);

  py::class_<Authority>(module, "Authority", "A CA: key and certificate.")
      .def(py::init<KeyPair, Certificate>(), py::arg("key"), py::arg("certificate"))
      .def_static("root", &Authority::root, py::arg("key"), py::arg("spec"), NoGil())
      .def("issue", &Authority::issue, py::arg("key"), py::arg("spec"), NoGil())
      .def("intermediate", &Authority::intermediate, py::arg("key"), py::arg("spec"), NoGil())
      .def("cross_sign", &Authority::cross_sign, py::arg("other"), NoGil())
      .def_property_readonly("key", &Authority::key)
      .def_property_readonly("certificate", &Authority::certificate);
  module.def(
      "trust_store_p12",
      [](const std::vector<Certificate>& certificates, const std::string& password) {
        return to_bytes(trust_store_p12(certificates, password));
      },
      py::arg("certificates"), py::arg("password"));
  module.def("self_signed", &self_signed, py::arg("key"), py::arg("spec"), NoGil());

  py::class_<Credential, std::shared_ptr<Credential>>(module, "Credential", "A private key and the list presented.")
      .def(py::init([](const KeyPair& key, const std::vector<Certificate>& chain) {
             if (chain.empty()) throw Error(ErrorKind::input, "a credential needs a certificate");
             return std::make_shared<Credential>(Credential{key, chain});
           }),
           py::arg("key"), py::arg("chain"))
      .def_readonly("key", &Credential::key)
      .def_readonly("chain", &Credential::chain);

  py::class_<Issuance>(module, "Issuance", "What it takes to issue a leaf again; rotations turn one into the next.")
      .def(py::init([](const KeyPair& key, const CertificateSpec& spec, const Authority& issuer,
                       const std::vector<Certificate>& presented) {
             return Issuance{key, spec, issuer, presented};
           }),
           py::arg("key"), py::arg("spec"), py::arg("issuer"), py::arg("presented"))
      .def("renew", &renew)
      .def("rekey", &rekey, py::arg("key"))
      .def("switch_issuer", &switch_issuer, py::arg("issuer"), py::arg("presented"))
      .def("cross_sign", &cross_sign, py::arg("root"), py::arg("older"), NoGil())
      .def("misissue", &misissue, py::arg("rogue"), py::arg("presented"), py::arg("key"))
      .def("certify", &certify, NoGil())
      .def_readonly("presented", &Issuance::presented)
      .def(
          "present", [](const Issuance& issuance) { return std::make_shared<Credential>(present(issuance)); }, NoGil());
}

}  // namespace pindrill::python
