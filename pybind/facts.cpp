#include "facts.h"

#include <pybind11/stl.h>

namespace py = pybind11;

namespace pindrill::python {
namespace {

const char* name_of(Progress progress) {
  switch (progress) {
    case Progress::nothing:
      return "nothing";
    case Progress::boilerplate:
      return "boilerplate";
    case Progress::request_line:
      return "request-line";
    case Progress::headers:
      return "headers";
    case Progress::body:
      return "body";
    case Progress::other:
      return "other";
  }
  return "other";
}

const char* name_of(Ended ended) {
  switch (ended) {
    case Ended::open:
      return "open";
    case Ended::fin:
      return "fin";
    case Ended::reset:
      return "reset";
  }
  return "open";
}

py::dict to_dict(const Alert& alert) {
  py::dict d;
  d["sent"] = alert.sent;
  d["level"] = alert.level;
  d["number"] = alert.number;
  d["encrypted"] = alert.encrypted;
  d["at"] = alert.at;
  return d;
}

}  // namespace

py::str lenient(const std::string& text) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

py::object to_dict(const std::optional<ClientHello>& hello) {
  if (!hello) return py::none();
  py::dict d;
  d["sni"] = lenient(hello->sni);
  py::list alpn;
  for (const auto& name : hello->alpn) {
    alpn.append(lenient(name));
  }
  d["alpn"] = alpn;
  d["versions"] = hello->versions;
  d["groups"] = hello->groups;
  d["signature_algorithms"] = hello->signature_algorithms;
  d["psk_offered"] = hello->psk_offered;
  d["early_data_offered"] = hello->early_data_offered;
  d["ja4"] = hello->ja4;
  d["stack"] = hello->stack;
  d["at"] = hello->at;
  return d;
}

py::dict to_dict(const Observation& o) {
  py::dict d;
  d["number"] = o.number;
  d["credential"] = o.credential;
  d["accepted_at"] = o.accepted_at;
  d["plaintext"] = o.plaintext;
  d["hello"] = to_dict(o.hello);
  d["tls_version"] = o.tls_version;
  d["cipher"] = o.cipher;
  d["alpn"] = lenient(o.alpn);
  d["resumed"] = o.resumed;
  d["client_certificate"] = o.client_certificate;
  d["flight_made_at"] = o.flight_made_at;
  d["flight_sent_at"] = o.flight_sent_at;
  d["finished_at"] = o.finished_at;
  py::list alerts;
  for (const auto& alert : o.alerts) alerts.append(to_dict(alert));
  d["alerts"] = alerts;
  d["failure"] = lenient(o.failure);
  d["progress"] = name_of(o.progress);
  d["boilerplate_bytes"] = o.boilerplate_bytes;
  d["data_bytes"] = o.data_bytes;
  d["early_data_bytes"] = o.early_data_bytes;
  d["first_data_at"] = o.first_data_at;
  d["request_line"] = lenient(o.request_line);
  d["secrets"] = o.secrets;
  d["plain_secrets"] = o.plain_secrets;
  d["unread_bytes"] = o.unread_bytes;
  d["bytes_in"] = o.bytes_in;
  d["bytes_out"] = o.bytes_out;
  d["response_sent_at"] = o.response_sent_at;
  d["close_notify"] = o.close_notify;
  d["ended"] = name_of(o.ended);
  d["ended_at"] = o.ended_at;
  return d;
}

}  // namespace pindrill::python
