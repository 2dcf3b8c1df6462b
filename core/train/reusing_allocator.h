// Memory for tensors on the CPU that is used again for others of the same size.
#pragma once

namespace golong {

// From now on LibTorch's CPU tensors are blocks of malloc that are aligned here. glibc before 2.38 finds no room for an
// aligned block in one of the same size that was freed, so that a process whose layers all have tensors of the same
// sizes takes several times what it uses. Tensors that are there already stay as they are.
void reuse_memory();

}  // namespace golong
