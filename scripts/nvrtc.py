#!/usr/bin/env python3
"""Compile a CUDA source to PTX with NVIDIA's run-time compiler: nvrtc.py ROOT SOURCE ARCH OUTPUT [MACRO...].

ROOT is the folder with the pinned packages (see build-ptx).
"""
import ctypes
import pathlib
import sys


def compile_ptx(root, source, arch, macros):
    lib = ctypes.CDLL(str(root / "nvidia/cuda_nvrtc/lib/libnvrtc.so.12"))
    options = [f"--gpu-architecture={arch}", "--std=c++17", "-default-device",
               f"-I{root / 'nvidia/cuda_runtime/include'}", f"-I{source.parent}", *(f"-D{m}" for m in macros)]
    options = [o.encode() for o in options]
    program = ctypes.c_void_p()

    def check(code, what):
        if code:
            size = ctypes.c_size_t()
            lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
            log = ctypes.create_string_buffer(max(size.value, 1))
            lib.nvrtcGetProgramLog(program, log)
            sys.exit(f"{source}: {what} failed with {code}\n{log.value.decode()}")

    text = source.read_bytes()
    check(lib.nvrtcCreateProgram(ctypes.byref(program), text, source.name.encode(), 0, None, None),
          "creating the program")
    array = (ctypes.c_char_p * len(options))(*options)
    check(lib.nvrtcCompileProgram(program, len(options), array), f"compiling for {arch}")
    size = ctypes.c_size_t()
    check(lib.nvrtcGetPTXSize(program, ctypes.byref(size)), "reading the PTX's size")
    ptx = ctypes.create_string_buffer(size.value)
    check(lib.nvrtcGetPTX(program, ptx), "reading the PTX")
    return ptx.value


if __name__ == "__main__":
    root, source, arch, output, *macros = sys.argv[1:]
    ptx = compile_ptx(pathlib.Path(root), pathlib.Path(source), arch, macros)
    pathlib.Path(output).write_bytes(ptx)
