# Compiler flags for every target: the language, warnings, sanitizers and hardening.
include(CheckCXXCompilerFlag)
include(CheckPIESupported)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")  # the kernels in cpu/ add -O3
check_pie_supported(LANGUAGES CXX)

find_program(QWENCH_CCACHE ccache)
mark_as_advanced(QWENCH_CCACHE)
if(QWENCH_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without these two ccache does not keep what is compiled with a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros "${QWENCH_CCACHE}")
endif()

# One rounding per operation: a * b + c is fused only where a kernel says so.
add_compile_options(-Wall -Wextra -ffp-contract=off)
if(QWENCH_WERROR)
  add_compile_options(-Werror)
endif()
if(QWENCH_SANITIZE)
  add_compile_options(-fsanitize=${QWENCH_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS)
  add_link_options(-fsanitize=${QWENCH_SANITIZE})
endif()

# Hardening of a release build, for everything that reads what comes from outside. The kernels in
# cpu/ do not take QWENCH_HARDENING: their inputs are validated before they run.
set(QWENCH_HARDENING)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT QWENCH_SANITIZE AND NOT APPLE)
  set(QWENCH_HARDENING -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection
               -ftrivial-auto-var-init=zero)
    string(MAKE_C_IDENTIFIER "QWENCH_HAS${flag}" has_flag)
    check_cxx_compiler_flag(${flag} ${has_flag})
    if(${has_flag})
      list(APPEND QWENCH_HARDENING ${flag})
    endif()
  endforeach()
  add_link_options(-Wl,-z,relro,-z,now)
endif()
