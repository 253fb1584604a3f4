#include "facts.h"

#include <pybind11/stl.h>

#include <type_traits>

#include "bind.h"

namespace py = pybind11;

namespace pindrill::python {
namespace {

template <class Record>
py::dict dict_of(const Record& record);

template <class Value>
py::object value_of(const Value& value) {
  if constexpr (std::is_enum_v<Value>) {
    return py::cast(kWords<Value>[static_cast<std::size_t>(value)]);
  } else if constexpr (std::is_aggregate_v<Value>) {
    return dict_of(value);
  } else {
    return py::cast(value);
  }
}

py::object value_of(const std::string& text) { return lenient(text); }

template <class Value>
py::object value_of(const std::optional<Value>& value) {
  return value ? py::object(value_of(*value)) : py::none();
}

template <class Value>
py::object value_of(const std::vector<Value>& values) {
  py::list list;
  for (const auto& value : values) list.append(value_of(value));
  return list;
}

template <class Record>
py::dict dict_of(const Record& record) {
  py::dict d;
  const auto add = [&](const auto& fact) { d[py::cast(fact.name)] = value_of(record.*fact.field); };
  std::apply([&](const auto&... fact) { (add(fact), ...); }, kFacts<Record>);
  return d;
}

// --- the table itself ------------------------------------------------------------------------------------------------

template <class>
inline constexpr auto kTypeName = nullptr;
template <>
inline constexpr std::string_view kTypeName<bool> = "bool";
template <>
inline constexpr std::string_view kTypeName<std::uint8_t> = "octet";
template <>
inline constexpr std::string_view kTypeName<std::uint64_t> = "count";
template <>
inline constexpr std::string_view kTypeName<Nanoseconds> = "nanoseconds";
template <>
inline constexpr std::string_view kTypeName<std::string> = "text";
template <>
inline constexpr std::string_view kTypeName<std::vector<std::string>> = "texts";
template <>
inline constexpr std::string_view kTypeName<std::vector<std::uint16_t>> = "code points";
template <>
inline constexpr std::string_view kTypeName<std::optional<ClientHello>> = "ClientHello";
template <>
inline constexpr std::string_view kTypeName<std::vector<Alert>> = "Alerts";

template <class Value>
py::object type_of() {
  if constexpr (std::is_enum_v<Value>) {
    return py::cast(kWords<Value>);
  } else {
    return py::cast(kTypeName<Value>);
  }
}

const char* name_of(Mark mark) {
  switch (mark) {
    case Mark::none:
      return "";
    case Mark::later:
      return "later";
    case Mark::unknowable:
      return "unknowable";
    case Mark::told_in_part:
      return "told in part";
  }
  return "";
}

template <class Record>
py::list table_of() {
  py::list rows;
  const auto add = [&]<class Value>(const Fact<Record, Value>& fact) {
    py::dict row;
    row["name"] = fact.name;
    row["type"] = type_of<Value>();
    row["meaning"] = fact.meaning;
    row["mark"] = name_of(fact.mark);
    rows.append(row);
  };
  std::apply([&](const auto&... fact) { (add(fact), ...); }, kFacts<Record>);
  return rows;
}

}  // namespace

py::str lenient(const std::string& text) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

py::str word_of(Progress progress) { return value_of(progress); }

py::dict to_dict(const ClientHello& hello) { return dict_of(hello); }

py::dict to_dict(const Observation& observation) { return dict_of(observation); }

void bind_facts(py::module_& module) {
  module.def(
      "facts",
      [] {
        py::dict tables;
        tables["Alert"] = table_of<Alert>();
        tables["ClientHello"] = table_of<ClientHello>();
        tables["Observation"] = table_of<Observation>();
        return tables;
      },
      "The facts that records consist of: name, type (a list: its words), meaning and mark of each, in order.");
}

}  // namespace pindrill::python
