#include "bind.h"
#include "pindrill/http2.h"

namespace py = pybind11;

namespace pindrill::python {
namespace {

py::bytes bytes_of(const std::string& text) { return {text.data(), text.size()}; }

py::list requests_of(const Http2Reader& reader) {
  py::list requests;
  for (const auto& request : reader.requests()) {
    py::list fields;
    for (const auto& field : request.fields) fields.append(py::make_tuple(bytes_of(field.name), bytes_of(field.value)));
    requests.append(py::make_tuple(std::move(fields), bytes_of(request.body)));
  }
  return requests;
}

}  // namespace

void bind_http2(py::module_& module) {
  py::class_<Http2Reader>(module, "Http2Read", "What could be read of a client that speaks HTTP/2, and why not more.")
      .def_property_readonly("requests", &requests_of, "Fields and body of each stream.")
      .def_property_readonly("stopped", &Http2Reader::stopped, "Why the reading ended early; empty: it did not.")
      .def_property_readonly("unread", &Http2Reader::unread, "Bytes that were not read because it had.")
      .def_property_readonly("cut", &Http2Reader::cut, "Bytes of a header block after its last whole field.")
      .def_property_readonly("other", &Http2Reader::other, "Bytes in frames that may hold anything.");
  module.def(
      "read_http2",
      [](const py::bytes& after_preface) {
        const auto text = static_cast<std::string_view>(after_preface);
        const py::gil_scoped_release release;
        auto reader = std::make_unique<Http2Reader>();
        reader->feed({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
        return reader;
      },
      py::arg("after_preface"), "Within the limits of the core; what is hostile costs no more than what is not.");
}

}  // namespace pindrill::python
