# Arrow C++ from the PyPI wheel of pyarrow, as an imported target `arrow`: libarrow and libparquet with their headers.
set(GOLONG_ARROW_ROOT "" CACHE PATH "the folder of the pyarrow package; empty: that of GOLONG_PYTHON")
set(ARROW_ROOT ${GOLONG_ARROW_ROOT})
if(NOT ARROW_ROOT)
  execute_process(
    COMMAND ${GOLONG_PYTHON} -c "import importlib.util as u; print(u.find_spec('pyarrow').submodule_search_locations[0])"
    OUTPUT_VARIABLE ARROW_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
# The wheel's libraries carry their version in the name, and no link without it.
file(GLOB arrow_libraries ${ARROW_ROOT}/libarrow.so.* ${ARROW_ROOT}/libparquet.so.*)
list(LENGTH arrow_libraries count)
if(NOT count EQUAL 2)
  message(FATAL_ERROR "No pyarrow package in ${GOLONG_PYTHON}: run `make setup`, or set GOLONG_PARQUET=OFF.")
endif()
add_library(arrow INTERFACE)
target_include_directories(arrow SYSTEM INTERFACE ${ARROW_ROOT}/include)
target_link_libraries(arrow INTERFACE ${arrow_libraries})
target_link_options(arrow INTERFACE -Wl,-rpath,${ARROW_ROOT})
