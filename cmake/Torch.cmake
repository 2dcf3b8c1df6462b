# The PyPI wheel of torch as an imported target `torch`. find_package(Torch) is not used: with this wheel it enables the
# CUDA language, and fails on machines without nvcc.
execute_process(
  COMMAND ${GOLONG_PYTHON} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
  OUTPUT_VARIABLE TORCH_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "No torch package in ${GOLONG_PYTHON}: run `make setup`, or set GOLONG_PYTHON.")
endif()
add_library(torch INTERFACE)
target_include_directories(torch SYSTEM INTERFACE ${TORCH_ROOT}/include ${TORCH_ROOT}/include/torch/csrc/api/include)
target_link_directories(torch INTERFACE ${TORCH_ROOT}/lib)
target_link_libraries(torch INTERFACE -Wl,--no-as-needed torch torch_cpu c10 -Wl,--as-needed)
target_link_options(torch INTERFACE -Wl,-rpath,${TORCH_ROOT}/lib)
# at::parallel_for stands in headers: without OpenMP it is a plain loop. The library is the wheel's own.
target_compile_options(torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
target_link_libraries(torch INTERFACE ${TORCH_ROOT}/lib/libgomp.so.1)
