"""Compiles each call tree of kernels as one unit, with numba, and keeps it on disk; `flexloop.embedded.jit` is for use.

numba compiles, optimises and stores every function separately, and again as part of each of its callers; for deep call
trees most of that work is repeated. Here a kernel that only other kernels call (a callee) is translated to LLVM's
intermediate code and no further. Optimised, and kept on disk, is the kernel that Python calls (an entry), together with
all its callees.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numba.core import sigutils, types
from numba.core.caching import NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult
from numba.core.compiler_machinery import PassManager
from numba.core.dispatcher import _FunctionCompiler
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps
from numba.core.typing import make_concrete_template
from numba.extending import lower_cast

from flexloop.embedded import kernelcache


class _CalleeLibrary(JITCodeLibrary):
    """The intermediate code of a callee, neither optimised nor made executable."""

    def add_llvm_module(self, ll_module: Any) -> None:
        self._final_module.link_in(ll_module)

    def finalize(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "external":
                function.linkage = "linkonce_odr"
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        return self._final_module


class _EntryLibrary(JITCodeLibrary):
    """The code of an entry with that of all its callees, each once."""

    _linking_libraries: list[Any]

    def finalize(self) -> None:
        known: dict[Any, None] = dict.fromkeys(self._linking_libraries)
        waiting = list(known)
        while waiting:
            library = waiting.pop()
            if isinstance(library, _CalleeLibrary):
                new = [other for other in library._linking_libraries if other not in known]
                known.update(dict.fromkeys(new))
                waiting += new
        self._linking_libraries = list(known)
        super().finalize()

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "linkonce_odr":
                function.linkage = "internal"  # not linked anywhere else, so a callee that is called once is inlined
        super()._optimize_final_module()


_IDLE = ("InlineClosureLikes", "InlineInlinables", "InlineOverloads", "LiteralUnroll", "NopythonRewrites")
"""Passes of numba's compiler that find nothing to do in any kernel."""


class _Compiler(Compiler):
    def define_pipelines(self) -> list[PassManager]:
        (every,) = super().define_pipelines()
        passes = PassManager(every.pipeline_name)
        for each, description in every.passes:
            if each.__name__ not in _IDLE:
                passes.add_pass(each, description)
        passes.finalize()
        return [passes]


class _CalleeCompiler(_Compiler):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state.flags.no_compile = True
        self.state.library = _CalleeLibrary(self.state.targetctx.codegen(), self.__class__.__name__)


class _EntryCompiler(_Compiler):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state.library = _EntryLibrary(self.state.targetctx.codegen(), self.__class__.__name__)
        self.state.library.enable_object_caching()


@lower_cast(types.NestedArray, types.Array)  # type: ignore[untyped-decorator]
def _field_as_array(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    """A record's array field has the layout of an array."""
    return value


OPTIONS = {
    "nopython": True,
    "nogil": True,
    "no_cfunc_wrapper": True,
    "error_model": "numpy",
    "_nrt": False,
}
COUNTING = {**OPTIONS, "_nrt": True}


class Kernel(CPUDispatcher):
    """A function that is compiled as an entry for calls from Python, and as a callee for calls from other kernels.

    Attributes:
        ahead: types of the arguments that Python calls it with, or None where that is not known before.
    """

    ahead: tuple[Any, ...] | None = None

    def __init__(
        self, function: Callable[..., Any], locals: Any = None, targetoptions: Any = None, *, noinline: bool = False
    ) -> None:
        options = targetoptions or OPTIONS
        self._noinline = noinline
        function.__dict__["compiled_with"] = {**options, "noinline": noinline}
        super().__init__(function, locals or {}, options, _EntryCompiler)
        self._as_callee = _FunctionCompiler(
            function, self.targetdescr, {**options, "no_cpython_wrapper": True}, {}, _CalleeCompiler
        )
        self._callees: dict[tuple[Any, ...], CompileResult] = {}
        self._made_of = ""
        self._cache = NullCache()

    def get_call_template(self, args: Sequence[Any], kws: Any) -> tuple[Any, Any, Any, Any]:
        """Tell numba's type inference what a call from another kernel means."""
        signature, folded = self._compiler.fold_argument_types(args, kws)
        callee = self._callee(tuple(_plain(arg) for arg in folded))
        name = self.py_func.__name__
        return make_concrete_template(f"CallTemplate({name})", name, [callee.signature]), signature, folded, {}

    def get_overload(self, sig: Any) -> Any:
        """The key under which numba's lowering finds the callee for a signature."""
        args, _ = sigutils.normalize_signature(sig)
        return self._callees[tuple(args)].entry_point

    def _callee(self, args: tuple[Any, ...]) -> CompileResult:
        found = self._callees.get(args)
        if found is None:
            result = self._as_callee.compile(args, None)
            if self._noinline:
                result.library.get_function(result.fndesc.llvm_func_name).add_function_attribute("noinline")
            found = self._callees[args] = result._replace(entry_point=result.library)
            self.targetctx.insert_user_function(found.entry_point, found.fndesc, [found.library])
        return found

    def compile(self, sig: Any) -> Any:
        """Make the entry executable for argument types: from this process, from disk, or by compiling it."""
        args, _ = sigutils.normalize_signature(sig)
        args = tuple(_plain(arg) for arg in args)
        if args in self.overloads:
            return self.overloads[args].entry_point
        file = self.file(args)
        if file is None:
            return super().compile(args)
        if self._load(args, file):
            return self.overloads[args].entry_point
        with kernelcache.claimed(file, wait=True) as mine:
            if mine or not self._load(args, file):
                self._make(args, file)
        return self.overloads[args].entry_point

    def compile_ahead(self) -> None:
        """Compile for the types that Python will call with, unless that is done, or another process is at it."""
        assert self.ahead is not None, f"{self.py_func.__name__} is no entry"
        args = tuple(self.ahead)
        file = self.file(args)
        if file is None or file.exists():
            return
        with kernelcache.claimed(file, wait=False) as mine:
            if mine and not file.exists():
                self._make(args, file)

    def is_stored(self) -> bool:
        """Whether the machine code for the types that Python will call with is on disk."""
        assert self.ahead is not None, f"{self.py_func.__name__} is no entry"
        file = self.file(self.ahead)
        return file is not None and file.exists()

    def _make(self, args: tuple[Any, ...], file: Path) -> None:
        with _no_collection():
            super().compile(args)
        kernelcache.write(file, dumps(self.overloads[args]._reduce()))

    def file(self, args: Sequence[Any]) -> Path | None:
        """Where the machine code for argument types is kept."""
        self._made_of = self._made_of or kernelcache.content(self.py_func, _function_of)
        return kernelcache.file_of(self.py_func, self._made_of, args, self.targetctx.codegen().magic_tuple())

    def _load(self, args: tuple[Any, ...], file: Path) -> bool:
        stored = kernelcache.read(file)
        if stored is None:
            return False
        self.targetctx.refresh()
        result = CompileResult._rebuild(self.targetctx, *stored)
        self.targetctx.insert_user_function(result.entry_point, result.fndesc, [result.library])
        self.add_overload(result)
        return True


@contextmanager
def _no_collection() -> Iterator[None]:
    """Switch the garbage collector off, which would search all that the compiler allocates and keeps."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _function_of(value: Any) -> Callable[..., Any] | None:
    return value.py_func if isinstance(value, Kernel) else None


def _plain(given: Any) -> Any:
    """The type that a kernel is compiled for, of several that convert to each other at no cost."""
    if isinstance(given, types.NestedArray):
        return types.Array(given.dtype, given.ndim, "C")
    return types.unliteral(given)
