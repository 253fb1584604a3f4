#pragma once

#include <pybind11/pybind11.h>

#include <span>
#include <string>

namespace pindrill::python {

void bind_pki(pybind11::module_& module);
void bind_pin(pybind11::module_& module);
void bind_server(pybind11::module_& module);
void bind_interceptor(pybind11::module_& module);
void bind_readers(pybind11::module_& module);
void bind_facts(pybind11::module_& module);
void bind_proxy(pybind11::module_& module);
void bind_http2(pybind11::module_& module);

inline pybind11::bytes to_bytes(std::span<const unsigned char> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

}  // namespace pindrill::python
