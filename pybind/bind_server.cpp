#include <pybind11/stl.h>

#include "bind.h"
#include "facts.h"
#include "pindrill/server.h"

namespace py = pybind11;

namespace pindrill::python {
namespace {

using NoGil = py::call_guard<py::gil_scoped_release>;

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
             const py::gil_scoped_release release;  // not as call_guard: pybind11 registers the object under it
             return std::make_unique<Server>(loop, address, port, context, Shown{label, credential, response, true});
           }),
           py::arg("loop"), py::arg("address"), py::arg("port"), py::arg("context"), py::arg("label"),
           py::arg("credential"), py::arg("response"), py::keep_alive<1, 2>())
      .def_property_readonly("port", &Server::port)
      .def_property_readonly("connections", &Server::connections)
      .def(
          "serve",
          [](Server& server, const std::string& label, const std::shared_ptr<Credential>& credential,
             const std::string& response, bool takes_tickets) {
            server.serve({label, credential, response, takes_tickets});
          },
          py::arg("label"), py::arg("credential"), py::arg("response"), py::kw_only(), py::arg("takes_tickets") = true,
          NoGil(), "For connections accepted from now on.")
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
