#include <pybind11/stl.h>

#include "bind.h"
#include "facts.h"
#include "pindrill/proxy.h"

namespace py = pybind11;

namespace pindrill::python {
namespace {

using NoGil = py::call_guard<py::gil_scoped_release>;

ProxyLanguage language_of(const std::string& name) {
  if (name == "http") return ProxyLanguage::http;
  if (name == "socks") return ProxyLanguage::socks;
  throw Error(ErrorKind::input, "a proxy speaks http or socks, not '" + name + "'");
}

py::dict to_dict(const ProxyLeg& leg) {
  py::dict d;
  d["seen"] = python::to_dict(leg.seen);
  d["host"] = lenient(leg.host);
  d["port"] = leg.port;
  d["asked_for_tunnel"] = leg.asked_for_tunnel;
  d["connected"] = leg.connected;
  d["tunnel_secrets"] = leg.tunnel_secrets;
  d["tunnel_bytes_up"] = leg.tunnel_bytes_up;
  d["tunnel_bytes_down"] = leg.tunnel_bytes_down;
  d["failure"] = lenient(leg.failure);
  d["connect_failure"] = lenient(leg.connect_failure);
  return d;
}

}  // namespace

void bind_proxy(py::module_& module) {
  py::class_<Proxy>(module, "Proxy", "A proxy on the way to servers of ours; it leads nowhere else.")
      .def(py::init([](Loop& loop, const std::string& address, std::uint16_t port, const std::string& language,
                       const std::map<std::string, std::string>& hosts, const std::shared_ptr<ServerContext>& context,
                       const std::shared_ptr<Credential>& credential, const std::string& label) {
             const py::gil_scoped_release release;  // not as call_guard: pybind11 registers the object under it
             ProxyOptions options;
             options.language = language_of(language);
             options.hosts = hosts;
             options.context = context;
             options.credential = credential;
             options.label = label;
             return std::make_unique<Proxy>(loop, address, port, options);
           }),
           py::arg("loop"), py::arg("address"), py::arg("port"), py::kw_only(), py::arg("language"), py::arg("hosts"),
           py::arg("context") = nullptr, py::arg("credential") = nullptr, py::arg("label") = "", py::keep_alive<1, 2>())
      .def_property_readonly("port", &Proxy::port)
      .def_property_readonly("turned_away", &Proxy::turned_away)
      .def(
          "lead_to",
          [](Proxy& proxy, const std::string& address, std::uint16_t port) {
            proxy.lead_to({address, port});
          },
          py::arg("address"), py::arg("port"), NoGil(), "From now on tunnels may lead there.")
      .def(
          "lead_no_more_to",
          [](Proxy& proxy, const std::string& address, std::uint16_t port) {
            proxy.lead_no_more_to({address, port});
          },
          py::arg("address"), py::arg("port"), NoGil())
      .def(
          "settle",
          [](Proxy& proxy, std::uint16_t port, double timeout_s) {
            return proxy.settle(port, std::chrono::nanoseconds(static_cast<std::int64_t>(timeout_s * 1e9)));
          },
          py::arg("port"), py::arg("timeout_s"), NoGil(),
          "Waits until every connection that may lead to this port has ended; False at the timeout.")
      .def(
          "take",
          [](Proxy& proxy) {
            std::vector<ProxyLeg> facts;
            {
              const py::gil_scoped_release release;
              facts = proxy.take();
            }
            py::list list;
            for (const auto& leg : facts) list.append(to_dict(leg));
            return list;
          },
          "The facts of connections that have ended, each once, and of those that have not, so far.");
}

}  // namespace pindrill::python
