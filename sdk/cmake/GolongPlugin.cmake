# golong_add_plugin(NAME SOURCES file... [OUTPUT folder]): a plugin library NAME.so. Symbols are hidden but for the entry
# symbol, nothing undefined may be left, and neither LibTorch nor golong is linked.
function(golong_add_plugin name)
  cmake_parse_arguments(ARG "" "OUTPUT" "SOURCES;LINK" ${ARGN})
  add_library(${name} MODULE ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE golong::sdk ${ARG_LINK})
  if(CMAKE_CXX_COMPILER_LOADED)  # a plugin may be plain C
    target_compile_features(${name} PRIVATE cxx_std_20)
  endif()
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    target_compile_options(${name} PRIVATE -O2)  # who chose nothing wants no slow plugin
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden
                                           VISIBILITY_INLINES_HIDDEN ON)
  if(ARG_OUTPUT)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${ARG_OUTPUT})
  endif()
  if(NOT GOLONG_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,--no-undefined -Wl,--exclude-libs,ALL)
  endif()
endfunction()
