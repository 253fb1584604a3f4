#include "bind.h"
#include "pindrill/ossl.h"

namespace py = pybind11;

PYBIND11_MODULE(_core, module) {
  module.doc() = "Certificates, TLS servers and the oracle of pindrill; see the Python package for the rest.";
  module.attr("version") = PINDRILL_VERSION;
  module.attr("openssl_version") = OpenSSL_version(OPENSSL_VERSION);

  static py::exception<pindrill::Error> core_error(module, "CoreError");
  static py::exception<pindrill::Error> input_error(module, "InputError", core_error.ptr());
  py::register_exception_translator([](std::exception_ptr pending) {
    try {
      if (pending) std::rethrow_exception(pending);
    } catch (const pindrill::Error& error) {
      const bool input = error.kind() == pindrill::ErrorKind::input;
      py::set_error(input ? input_error : core_error, error.what());
    }
  });

  pindrill::python::bind_pki(module);
  pindrill::python::bind_pin(module);
  pindrill::python::bind_server(module);
  pindrill::python::bind_interceptor(module);
  pindrill::python::bind_readers(module);
  pindrill::python::bind_facts(module);
  pindrill::python::bind_proxy(module);
  pindrill::python::bind_http2(module);
}
