#include <pybind11/stl.h>

#include "bind.h"
#include "pindrill/oracle.h"

namespace py = pybind11;

namespace pindrill::python {
namespace {

template <typename Value>
Value one_of(const std::string& name, std::initializer_list<std::pair<const char*, Value>> choices) {
  std::string known;
  for (const auto& [text, value] : choices) {
    if (name == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  throw Error(ErrorKind::input, "'" + name + "' is none of: " + known);
}

PinOf pin_of(const std::string& name) {
  return one_of<PinOf>(name, {{"spki", PinOf::spki}, {"certificate", PinOf::certificate}});
}

Semantics semantics_of(const std::string& position, const std::string& mode, bool host) {
  return {
      one_of<Position>(
          position, {{"validated", Position::validated}, {"leaf", Position::leaf}, {"presented", Position::presented}}),
      one_of<PinMode>(mode, {{"restrict", PinMode::restrict_}, {"replace", PinMode::replace}, {"add", PinMode::add}}),
      host};
}

const char* name_of(Answer answer) {
  switch (answer) {
    case Answer::accept:
      return "accept";
    case Answer::refuse:
      return "refuse";
    case Answer::report:
      return "report";
  }
  return "report";
}

}  // namespace

void bind_pin(py::module_& module) {
  py::class_<Pin>(module, "Pin", "The SHA-256 of a SubjectPublicKeyInfo or of a certificate.")
      .def_static("of_key", &Pin::of_key, py::arg("key"))
      .def_static("of_certificate", &Pin::of_certificate, py::arg("certificate"))
      .def_static(
          "parse", [](const std::string& text, const std::string& of) { return Pin::parse(text, pin_of(of)); },
          py::arg("text"), py::arg("of") = "spki", "Strict; InputError says what is wrong.")
      .def_property_readonly("of", [](const Pin& p) { return p.of() == PinOf::spki ? "spki" : "certificate"; })
      .def_property_readonly("base64", &Pin::base64)
      .def_property_readonly("hex", &Pin::hex)
      .def_property_readonly("colon_hex", &Pin::colon_hex)
      .def("matches", &Pin::matches, py::arg("certificate"))
      .def("__eq__", [](const Pin& a, const Pin& b) { return a == b; })
      .def("__hash__", [](const Pin& p) { return py::hash(py::str(p.base64())); })
      .def("__repr__", [](const Pin& p) { return "<Pin sha256/" + p.base64() + ">"; });

  py::class_<PinSet>(module, "PinSet", "The pins of a host pattern.")
      .def(py::init([](const std::string& host, const std::vector<Pin>& pins, const std::string& subdomains, bool apex,
                       std::optional<std::int64_t> expires) {
             const auto rule = one_of<Subdomains>(
                 subdomains, {{"none", Subdomains::none}, {"one", Subdomains::one}, {"all", Subdomains::all}});
             return PinSet{host, pins, rule, apex, expires};
           }),
           py::arg("host"), py::arg("pins"), py::kw_only(), py::arg("subdomains") = "none", py::arg("apex") = true,
           py::arg("expires") = std::nullopt)
      .def("covers", &PinSet::covers, py::arg("host"));

  py::class_<Decision>(module, "Decision", "What a correct client must do, and why.")
      .def_property_readonly("answer", [](const Decision& d) { return name_of(d.answer); })
      .def_readonly("reason", &Decision::reason)
      .def_readonly("matched", &Decision::matched)
      .def_readonly("valid_paths", &Decision::valid_paths)
      .def_readonly("pins_apply", &Decision::pins_apply)
      .def_readonly("expired_pins", &Decision::expired_pins);

  module.def(
      "decide",
      [](const std::vector<PinSet>& sets, const std::vector<Certificate>& trust,
         const std::vector<Certificate>& presented, const std::string& host, std::int64_t at,
         const std::string& position, const std::string& mode, bool check_host) {
        return decide(sets, trust, presented, host, at, semantics_of(position, mode, check_host));
      },
      py::arg("pin_sets"), py::arg("trust"), py::arg("presented"), py::arg("host"), py::arg("at"), py::kw_only(),
      py::arg("position") = "validated", py::arg("mode") = "restrict", py::arg("check_host") = true,
      py::call_guard<py::gil_scoped_release>(),
      "Must a correct client accept `presented` for `host` at `at` (seconds since the epoch)?");
}

}  // namespace pindrill::python
