#include <pybind11/stl.h>

#include <array>

#include "bind.h"
#include "facts.h"
#include "pindrill/interceptor.h"

namespace py = pybind11;

namespace pindrill::python {
namespace {

using NoGil = py::call_guard<py::gil_scoped_release>;

constexpr std::array<std::pair<const char*, Way>, 5> kWays = {{
    {"proxy", Way::proxy},
    {"socks", Way::socks},
    {"reverse", Way::reverse},
    {"direct", Way::direct},
    {"transparent", Way::transparent},
}};

Way way_of(const std::string& name) {
  for (const auto& [text, way] : kWays) {
    if (name == text) return way;
  }
  throw Error(ErrorKind::input, "no way in is called '" + name + "'");
}

const char* name_of(Way wanted) {
  for (const auto& [text, way] : kWays) {
    if (way == wanted) return text;
  }
  return "proxy";
}

py::dict to_dict(const Question& question) {
  py::dict d;
  d["id"] = question.id;
  d["way"] = name_of(question.way);
  d["client"] = question.client;
  d["host"] = lenient(question.host);
  d["port"] = question.port;
  d["hello"] = python::to_dict(question.hello);
  return d;
}

py::dict to_dict(const Contact& contact) {
  py::dict d;
  d["id"] = contact.id;
  d["way"] = name_of(contact.way);
  d["client"] = contact.client;
  d["host"] = lenient(contact.host);
  d["port"] = contact.port;
  d["condition"] = contact.condition;
  d["seen"] = python::to_dict(contact.seen);
  d["plaintext_forwarded"] = contact.plaintext_forwarded;
  d["upstream_address"] = contact.upstream_address;
  d["upstream_failure"] = lenient(contact.upstream_failure);
  d["upstream_ended_at"] = contact.upstream_ended_at;
  d["upstream_bytes"] = contact.upstream_bytes;
  d["passed_version"] = contact.passed_version;
  d["passed_records"] = contact.passed_records;
  d["failure"] = lenient(contact.failure);
  d["plaintext"] = to_bytes(contact.plaintext);
  return d;
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

InterceptorOptions options_of(const std::map<std::string, std::string>& hosts, bool private_addresses,
                              double connect_timeout_s, const std::string& upstream_trust,
                              const std::vector<std::string>& clients, std::size_t max_connections, double patience_s,
                              std::size_t kept_plaintext, const std::string& key_log_file) {
  InterceptorOptions options;
  options.route.hosts = hosts;
  options.route.private_addresses = private_addresses;
  options.route.timeout = milliseconds(connect_timeout_s);
  options.upstream_trust = upstream_trust;
  options.clients = clients;
  options.max_connections = max_connections;
  options.patience = milliseconds(patience_s);
  options.kept_plaintext = kept_plaintext;
  options.key_log_file = key_log_file;
  return options;
}

}  // namespace

void bind_interceptor(py::module_& module) {
  py::class_<Interceptor>(module, "Interceptor", "Stands between clients and their servers; asks, and reports.")
      .def(py::init([](Loop& loop, const std::map<std::string, std::string>& hosts, bool private_addresses,
                       double connect_timeout_s, const std::string& upstream_trust,
                       const std::vector<std::string>& clients, std::size_t max_connections, double patience_s,
                       std::size_t kept_plaintext, const std::string& key_log_file) {
             const py::gil_scoped_release release;  // not as call_guard: pybind11 registers the object under it
             return std::make_unique<Interceptor>(
                 loop, options_of(hosts, private_addresses, connect_timeout_s, upstream_trust, clients, max_connections,
                                  patience_s, kept_plaintext, key_log_file));
           }),
           py::arg("loop"), py::kw_only(), py::arg("hosts") = std::map<std::string, std::string>{},
           py::arg("private_addresses") = false, py::arg("connect_timeout_s") = 10.0, py::arg("upstream_trust") = "",
           py::arg("clients") = std::vector<std::string>{"127.0.0.0/8", "::1"},
           py::arg("max_connections") = InterceptorOptions{}.max_connections, py::arg("patience_s") = 30.0,
           py::arg("kept_plaintext") = 64 * 1024, py::arg("key_log_file") = "", py::keep_alive<1, 2>())
      .def(
          "listen",
          [](Interceptor& interceptor, const std::string& way, const std::string& address, std::uint16_t port,
             const std::optional<std::pair<std::string, std::uint16_t>>& upstream) {
            return interceptor.listen(way_of(way), address, port, upstream);
          },
          py::arg("way"), py::arg("address"), py::arg("port"), py::arg("upstream") = py::none(), NoGil(),
          "Opens a way in; returns its port.")
      .def(
          "next",
          [](Interceptor& interceptor, double timeout_s) -> py::object {
            std::optional<Interceptor::Event> event;
            {
              const py::gil_scoped_release release;
              event = interceptor.next(std::chrono::nanoseconds(static_cast<std::int64_t>(timeout_s * 1e9)));
            }
            if (!event) return py::none();
            return std::visit([](const auto& each) -> py::object { return to_dict(each); }, *event);
          },
          py::arg("timeout_s"), "The next question (it has `hello`) or ended contact (it has `seen`), as plain values.")
      .def("pass_through", &Interceptor::pass, py::arg("id"), py::arg("label"), NoGil())
      .def(
          "stage",
          [](Interceptor& interceptor, std::uint64_t id, const std::string& label,
             const std::shared_ptr<Credential>& credential,
             double hold_s) { interceptor.stage(id, label, credential, milliseconds(hold_s)); },
          py::arg("id"), py::arg("label"), py::arg("credential"), py::arg("hold_s") = 0.0, NoGil(),
          "Shows the credential; the upstream's answer waits `hold_s` once the client has spoken.")
      .def(
          "open",
          [](const Interceptor& interceptor) {
            std::vector<Contact> facts;
            {
              const py::gil_scoped_release release;
              facts = interceptor.open();
            }
            py::list list;
            for (const auto& contact : facts) list.append(to_dict(contact));
            return list;
          },
          "The facts so far of connections that have not ended.")
      .def("end_all", &Interceptor::end_all, NoGil())
      .def("fetch_chain", &Interceptor::fetch_chain, py::arg("host"), py::arg("port"), NoGil(),
           "The verified chain of a genuine server.")
      .def_property_readonly("denied", &Interceptor::denied)
      .def_property_readonly("turned_away", &Interceptor::turned_away);
}

}  // namespace pindrill::python
