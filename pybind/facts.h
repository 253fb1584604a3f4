#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "pindrill/observation.h"

namespace pindrill::python {

/// Plain values: whoever judges needs no compiled code.
pybind11::dict to_dict(const Observation& observation);
pybind11::dict to_dict(const ClientHello& hello);

pybind11::str word_of(Progress progress);

/// What a peer sent, as text that can always be shown.
pybind11::str lenient(const std::string& text);

}  // namespace pindrill::python
