#include <pybind11/stl.h>

#include "bind.h"
#include "pindrill/server.h"

namespace py = pybind11;

namespace pindrill::python {
namespace {

using NoGil = py::call_guard<py::gil_scoped_release>;

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

py::object to_dict(const std::optional<ClientHello>& hello) {
  if (!hello) return py::none();
  py::dict d;
  d["sni"] = py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(hello->sni.data(), static_cast<Py_ssize_t>(hello->sni.size()), "backslashreplace"));
  py::list alpn;
  for (const auto& name : hello->alpn) {
    alpn.append(py::reinterpret_steal<py::str>(
        PyUnicode_DecodeUTF8(name.data(), static_cast<Py_ssize_t>(name.size()), "backslashreplace")));
  }
  d["alpn"] = alpn;
  d["versions"] = hello->versions;
  d["groups"] = hello->groups;
  d["signature_algorithms"] = hello->signature_algorithms;
  d["psk_offered"] = hello->psk_offered;
  d["early_data_offered"] = hello->early_data_offered;
  d["at"] = hello->at;
  return d;
}

py::str lenient(const std::string& text) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

/// Plain values: whoever judges needs no compiled code.
py::dict to_dict(const Observation& o) {
  py::dict d;
  d["number"] = o.number;
  d["credential"] = o.credential;
  d["accepted_at"] = o.accepted_at;
  d["plaintext"] = o.plaintext;
  d["hello"] = to_dict(o.hello);
  d["tls_version"] = o.tls_version;
  d["cipher"] = o.cipher;
  d["alpn"] = o.alpn;
  d["resumed"] = o.resumed;
  d["client_certificate"] = o.client_certificate;
  d["flight_made_at"] = o.flight_made_at;
  d["flight_sent_at"] = o.flight_sent_at;
  d["finished_at"] = o.finished_at;
  py::list alerts;
  for (const auto& alert : o.alerts) alerts.append(to_dict(alert));
  d["alerts"] = alerts;
  d["failure"] = o.failure;
  d["progress"] = name_of(o.progress);
  d["boilerplate_bytes"] = o.boilerplate_bytes;
  d["data_bytes"] = o.data_bytes;
  d["early_data_bytes"] = o.early_data_bytes;
  d["first_data_at"] = o.first_data_at;
  d["request_line"] = lenient(o.request_line);
  d["secrets"] = o.secrets;
  d["bytes_in"] = o.bytes_in;
  d["bytes_out"] = o.bytes_out;
  d["response_sent_at"] = o.response_sent_at;
  d["close_notify"] = o.close_notify;
  d["ended"] = name_of(o.ended);
  d["ended_at"] = o.ended_at;
  return d;
}

TlsOptions options_of(const std::string& min, const std::string& max, const std::vector<std::string>& alpn,
                      bool tickets, bool request_client_certificate, std::uint32_t max_early_data,
                      const std::string& key_log_file) {
  const auto number = [](const std::string& version) {
    if (version == "1.2") return TLS1_2_VERSION;
    if (version == "1.3") return TLS1_3_VERSION;
    throw Error(ErrorKind::input, "TLS versions are 1.2 and 1.3, not '" + version + "'");
  };
  return {number(min), number(max), alpn, tickets, request_client_certificate, max_early_data, key_log_file};
}

}  // namespace

void bind_server(py::module_& module) {
  py::class_<Loop>(module, "Loop", "The thread that does all socket work.").def(py::init<>());

  py::class_<ServerContext, std::shared_ptr<ServerContext>>(module, "ServerContext",
                                                            "The settings of a TLS server, shared by many.")
      .def(py::init([](const std::string& min, const std::string& max, const std::vector<std::string>& alpn,
                       bool tickets, bool request_client_certificate, std::uint32_t max_early_data,
                       const std::string& key_log_file) {
             return std::make_shared<ServerContext>(
                 options_of(min, max, alpn, tickets, request_client_certificate, max_early_data, key_log_file));
           }),
           py::kw_only(), py::arg("min_version") = "1.2", py::arg("max_version") = "1.3",
           py::arg("alpn") = std::vector<std::string>{"http/1.1"}, py::arg("tickets") = false,
           py::arg("request_client_certificate") = false, py::arg("max_early_data") = 0, py::arg("key_log_file") = "");

  py::class_<Server>(module, "Server", "A TLS server that observes everything and judges nothing.")
      .def(py::init([](Loop& loop, const std::string& address, std::uint16_t port,
                       const std::shared_ptr<ServerContext>& context, const std::string& label,
                       const std::shared_ptr<Credential>& credential, const std::string& response) {
             return std::make_unique<Server>(loop, address, port, context, Shown{label, credential, response});
           }),
           py::arg("loop"), py::arg("address"), py::arg("port"), py::arg("context"), py::arg("label"),
           py::arg("credential"), py::arg("response"), py::keep_alive<1, 2>(), NoGil())
      .def_property_readonly("port", &Server::port)
      .def_property_readonly("connections", &Server::connections)
      .def(
          "serve",
          [](Server& server, const std::string& label, const std::shared_ptr<Credential>& credential,
             const std::string& response) {
            server.serve({label, credential, response});
          },
          py::arg("label"), py::arg("credential"), py::arg("response"), NoGil(),
          "For connections accepted from now on.")
      .def(
          "settle",
          [](Server& server, double timeout_s) {
            return server.settle(std::chrono::nanoseconds(static_cast<std::int64_t>(timeout_s * 1e9)));
          },
          py::arg("timeout_s"), NoGil(), "Waits until every connection has ended; False at the timeout.")
      .def(
          "observations",
          [](const Server& server) {
            std::vector<Observation> facts;
            {
              const py::gil_scoped_release release;
              facts = server.observations();
            }
            py::list list;
            for (const auto& observation : facts) list.append(to_dict(observation));
            return list;
          },
          "The facts of every connection so far, as plain values.");
}

}  // namespace pindrill::python
