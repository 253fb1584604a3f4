# pindrill::nghttp2, from wherever this machine has it: used by the build, and by whoever finds an installed pindrill.
if(NOT TARGET pindrill::nghttp2)
  find_path(PINDRILL_NGHTTP2_INCLUDE nghttp2/nghttp2.h)
  if(OPENSSL_USE_STATIC_LIBS)
    find_library(PINDRILL_NGHTTP2_LIBRARY NAMES libnghttp2.a libnghttp2_static.a)
  else()
    find_library(PINDRILL_NGHTTP2_LIBRARY NAMES nghttp2)
  endif()
  mark_as_advanced(PINDRILL_NGHTTP2_INCLUDE PINDRILL_NGHTTP2_LIBRARY)
  if(NOT PINDRILL_NGHTTP2_INCLUDE OR NOT PINDRILL_NGHTTP2_LIBRARY)
    message(FATAL_ERROR "pindrill needs nghttp2 (Debian: libnghttp2-dev)")
  endif()
  add_library(pindrill::nghttp2 UNKNOWN IMPORTED)
  set_target_properties(pindrill::nghttp2 PROPERTIES
    IMPORTED_LOCATION "${PINDRILL_NGHTTP2_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PINDRILL_NGHTTP2_INCLUDE}")
endif()
