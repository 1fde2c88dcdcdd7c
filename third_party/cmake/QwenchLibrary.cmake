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
