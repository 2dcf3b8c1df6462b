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

# The wheel's CUDA build, for the library that is loaded when a CUDA device is opened: headers come with the wheels, so
# that it is built on any machine. nvcc, where there is one, adds kernels of our own.
option(GOLONG_CUDA "build what CUDA devices need, where the torch package has CUDA" ON)
if(GOLONG_CUDA AND EXISTS ${TORCH_ROOT}/lib/libtorch_cuda.so)
  set(TORCH_HAS_CUDA ON)
  get_filename_component(wheels ${TORCH_ROOT} DIRECTORY)
  file(GLOB runtime ${wheels}/nvidia/cu*/include/cuda_runtime_api.h)
  # Those of the toolkit that the runtime's include come in packages of their own, which torch does not ask for.
  file(GLOB crt ${wheels}/nvidia/cu*/include/crt/host_config.h)
  file(GLOB cccl ${wheels}/nvidia/cu*/include/nv/target)
  if(NOT runtime OR NOT crt OR NOT cccl)
    message(FATAL_ERROR "The torch package has CUDA, ${wheels}/nvidia lacks headers of nvidia-cuda-runtime, "
                        "nvidia-cuda-crt or nvidia-cuda-cccl: run `make setup`, or set GOLONG_CUDA=OFF.")
  endif()
  get_filename_component(CUDA_WHEEL_INCLUDE ${runtime} DIRECTORY)
  file(GLOB cudart ${CUDA_WHEEL_INCLUDE}/../lib/libcudart.so.*)
  add_library(torch_cuda_build INTERFACE)
  target_include_directories(torch_cuda_build SYSTEM INTERFACE ${CUDA_WHEEL_INCLUDE} ${wheels}/nvidia/nccl/include)
  target_link_libraries(torch_cuda_build INTERFACE torch -Wl,--no-as-needed torch_cuda c10_cuda -Wl,--as-needed
                        ${cudart})
  find_program(GOLONG_NVCC nvcc PATHS /usr/local/cuda/bin)
  if(GOLONG_NVCC)
    execute_process(COMMAND ${GOLONG_NVCC} --version OUTPUT_VARIABLE nvcc_version ERROR_QUIET)
    string(REGEX MATCH "release ([0-9]+)" nvcc_version "${nvcc_version}")
  endif()
  if(GOLONG_NVCC AND CMAKE_MATCH_1 GREATER_EQUAL 13)
    set(GOLONG_CUDA_KERNELS ON)
    set(CMAKE_CUDA_COMPILER ${GOLONG_NVCC})
  else()
    message(STATUS "No nvcc 13 or newer: on CUDA LibTorch's operations serve, without kernels of our own.")
  endif()
endif()
