# find_package(golong): the target golong::sdk (headers) and golong_add_plugin(). Works in an installation
# (PREFIX/share/golong/cmake) and in golong's source tree (golong_DIR=.../sdk/cmake).
if(NOT TARGET golong::sdk)
  find_path(golong_include golong/plugin.hpp
            PATHS ${CMAKE_CURRENT_LIST_DIR}/../include ${CMAKE_CURRENT_LIST_DIR}/../../../include
            NO_DEFAULT_PATH NO_CACHE)
  if(NOT golong_include)
    set(golong_FOUND FALSE)
    set(golong_NOT_FOUND_MESSAGE "golong/plugin.hpp is not beside ${CMAKE_CURRENT_LIST_DIR}")
    return()
  endif()
  add_library(golong::sdk INTERFACE IMPORTED)
  target_include_directories(golong::sdk INTERFACE ${golong_include})
endif()
include(${CMAKE_CURRENT_LIST_DIR}/GolongPlugin.cmake)
