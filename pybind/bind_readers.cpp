// The readers of what a client says, one by one: for whoever has its bytes from elsewhere.

#include <pybind11/stl.h>

#include "bind.h"
#include "client_hello.h"
#include "facts.h"
#include "opening.h"
#include "pindrill/http.h"
#include "pindrill/tls.h"
#include "record_watcher.h"
#include "unread_records.h"

namespace py = pybind11;

namespace pindrill::python {
namespace {

std::span<const unsigned char> span_of(const py::bytes& data) {
  const auto text = static_cast<std::string_view>(data);
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

py::object begins_of(const py::bytes& data) {
  switch (begins(span_of(data))) {
    case Begins::tls:
      return py::str("tls");
    case Begins::plain:
      return py::str("plain");
    case Begins::unclear:
      break;
  }
  return py::none();
}

py::dict hello_of(const py::bytes& body) {
  Bytes message(4);  // its handshake header, which is not read
  const auto bytes = span_of(body);
  message.insert(message.end(), bytes.begin(), bytes.end());
  return to_dict(read_client_hello(message));
}

/// As the interceptor does: the engine puts the message together.
py::object hello_in(const py::bytes& records) {
  static const auto context = std::make_shared<const ServerContext>(TlsOptions{});
  Observation facts;
  Connection connection(context, facts);
  connection.receive(span_of(records));
  return facts.hello ? py::object(to_dict(*facts.hello)) : py::none();
}

/// None: more is needed; ("", 0): it says nothing that could be used.
py::object host_field(const py::bytes& head, std::uint16_t port) {
  const auto opening = host_field_opening(port);
  const auto state = opening->feed(span_of(head));
  if (state == Opening::State::more) return py::none();
  return py::make_tuple(lenient(opening->host()), opening->port());
}

}  // namespace

void bind_readers(py::module_& module) {
  module.def("begins", &begins_of, py::arg("data"),
             "What a client's first bytes, at least one, begin: 'tls' or 'plain'; None: more is needed to tell.");
  module.def("read_client_hello", &hello_of, py::arg("body"), "A ClientHello message without its handshake header.");
  module.def("client_hello_in", &hello_in, py::arg("records"),
             "The ClientHello that a client's first records hold; None: it is not whole, or none.");
  module.def("host_field", &host_field, py::arg("head"), py::arg("port"),
             "Host and port of a plain request in origin form; None: its head is not whole; '': it names none.");

  py::class_<RequestReader>(module, "RequestReader", "How far a client spoke: fed with readable bytes.")
      .def(py::init<>())
      .def("feed", [](RequestReader& reader, const py::bytes& data) { reader.feed(span_of(data)); })
      .def_property_readonly("progress", [](const RequestReader& reader) { return word_of(reader.progress()); })
      .def_property_readonly("boilerplate_bytes", &RequestReader::boilerplate_bytes)
      .def_property_readonly("data_bytes", &RequestReader::data_bytes)
      .def_property_readonly("request_line",
                             [](const RequestReader& reader) { return lenient(reader.request_line()); });

  py::class_<SecretScanner>(module, "SecretScanner", "Finds request secrets in a stream.")
      .def(py::init<>())
      .def("feed", [](SecretScanner& scanner, const py::bytes& data) { scanner.feed(span_of(data)); })
      .def_property_readonly("found", &SecretScanner::found);

  py::class_<UnreadRecords>(module, "UnreadRecords", "Counts what may be data behind the end of a TLS connection.")
      .def(py::init<>())
      .def("feed", [](UnreadRecords& records, const py::bytes& data) { records.feed(span_of(data)); })
      .def_property_readonly("counted", &UnreadRecords::bytes);

  py::class_<RecordWatcher>(module, "RecordWatcher", "Reads the outside of TLS records that are passed through.")
      .def(py::init<>())
      .def("from_client", [](RecordWatcher& watcher, const py::bytes& data) { watcher.from_client(span_of(data)); })
      .def("from_server", [](RecordWatcher& watcher, const py::bytes& data) { watcher.from_server(span_of(data)); })
      .def_property_readonly("version", &RecordWatcher::version)
      .def_property_readonly("client_records", &RecordWatcher::client_records);
}

}  // namespace pindrill::python
