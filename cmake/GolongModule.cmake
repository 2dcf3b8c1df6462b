# golong_module(name SOURCES ... EXCEPT ... DEPENDS ... LINK ...): one folder of core/ as an object library
# `golong_<name>`. All .cpp files of the folder belong to it but those of EXCEPT, or those of SOURCES alone, which may
# be of another folder (paths below core/). DEPENDS names the folders on lower floors that it includes; LINK other
# targets.
function(golong_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;EXCEPT;DEPENDS;LINK" ${ARGN})
  list(TRANSFORM ARG_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/core/ OUTPUT_VARIABLE sources)
  if(NOT sources)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/${name}/*.cpp)
  endif()
  list(TRANSFORM ARG_EXCEPT PREPEND ${CMAKE_SOURCE_DIR}/core/)
  list(REMOVE_ITEM sources ${ARG_EXCEPT})
  add_library(golong_${name} OBJECT ${sources})
  target_include_directories(golong_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(golong_${name} PUBLIC golong_sdk Threads::Threads ${ARG_LINK})
  foreach(folder ${ARG_DEPENDS})
    target_link_libraries(golong_${name} PUBLIC $<BUILD_INTERFACE:golong_${folder}>)
  endforeach()
endfunction()

# golong_reuse_precompiled(owner target...): the targets are compiled with the precompiled headers of `owner`.
function(golong_reuse_precompiled owner)
  if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    foreach(target ${ARGN})
      target_precompile_headers(${target} REUSE_FROM ${owner})
    endforeach()
  endif()
endfunction()
