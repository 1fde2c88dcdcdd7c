# qwench_library(<name> <source>...): a static library whose includes start at the repository root.
# A folder without sources yet becomes an empty interface library, so that others can link to it.
function(qwench_library name)
  if(NOT ARGN)
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC "${CMAKE_SOURCE_DIR}")
endfunction()

# qwench_precompile(<target> [<header>...]): the headers that most files include, and those given, are
# parsed once for the whole target. Reading them takes longer than compiling a file does.
function(qwench_precompile target)
  if(QWENCH_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE
      <algorithm> <array> <cmath> <cstdint> <cstring> <filesystem> <functional> <memory> <optional>
      <string> <string_view> <vector> <fmt/format.h> <nlohmann/json.hpp> ${ARGN})
  endif()
endfunction()
