"""How numba is made to compile each call tree of kernels as one unit, kept on disk; `flexloop.embedded.jit` is for use.

numba compiles, optimises and stores every function by itself, and every caller with all that it calls once more; for
deep call trees most of that work is done again and again. Here a kernel that another kernel calls is only translated;
what is optimised, and kept on disk, is the kernel that Python calls, with everything below it.
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
from numba.core.dispatcher import _FunctionCompiler
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps
from numba.core.typing import make_concrete_template
from numba.extending import lower_cast

from flexloop.embedded import kernelcache


class _Part(JITCodeLibrary):
    """The code of a kernel as its callers get it: neither optimised nor made executable."""

    def add_llvm_module(self, ll_module: Any) -> None:
        self._final_module.link_in(ll_module)

    def finalize(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "external":
                function.linkage = "linkonce_odr"
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        return self._final_module


class _Whole(JITCodeLibrary):
    """The code of a kernel that Python calls, with all parts below it, each once."""

    _linking_libraries: list[Any]

    def finalize(self) -> None:
        known: dict[Any, None] = dict.fromkeys(self._linking_libraries)
        waiting = list(known)
        while waiting:
            library = waiting.pop()
            if isinstance(library, _Part):
                new = [other for other in library._linking_libraries if other not in known]
                known.update(dict.fromkeys(new))
                waiting += new
        self._linking_libraries = list(known)
        super().finalize()

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage.name == "linkonce_odr":
                function.linkage = "internal"  # nobody else takes parts from here, so what is called once is inlined
        super()._optimize_final_module()


class _PartCompiler(Compiler):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state.flags.no_compile = True
        self.state.library = _Part(self.state.targetctx.codegen(), self.__class__.__name__)


class _WholeCompiler(Compiler):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state.library = _Whole(self.state.targetctx.codegen(), self.__class__.__name__)
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
    """A function that Python calls as a whole and other kernels take in as a part.

    Attributes:
        ahead: types of the arguments that Python calls it with, or None where that is not known before.
    """

    ahead: tuple[Any, ...] | None = None

    def __init__(
        self, function: Callable[..., Any], locals: Any = None, targetoptions: Any = None, *, seldom: bool = False
    ) -> None:
        options = targetoptions or OPTIONS
        self._seldom = seldom
        function.__dict__["compiled_with"] = {**options, "seldom": seldom}
        super().__init__(function, locals or {}, options, _WholeCompiler)
        self._as_part = _FunctionCompiler(
            function, self.targetdescr, {**options, "no_cpython_wrapper": True}, {}, _PartCompiler
        )
        self._parts: dict[tuple[Any, ...], CompileResult] = {}
        self._made_of = ""
        self._cache = NullCache()

    def get_call_template(self, args: Sequence[Any], kws: Any) -> tuple[Any, Any, Any, Any]:
        """Tell numba's type inference what a call from another kernel means."""
        signature, folded = self._compiler.fold_argument_types(args, kws)
        part = self._part(tuple(_plain(arg) for arg in folded))
        name = self.py_func.__name__
        return make_concrete_template(f"CallTemplate({name})", name, [part.signature]), signature, folded, {}

    def get_overload(self, sig: Any) -> Any:
        """The key under which numba's lowering finds the part for a signature."""
        args, _ = sigutils.normalize_signature(sig)
        return self._parts[tuple(args)].entry_point

    def _part(self, args: tuple[Any, ...]) -> CompileResult:
        found = self._parts.get(args)
        if found is None:
            result = self._as_part.compile(args, None)
            if self._seldom:
                result.library.get_function(result.fndesc.llvm_func_name).add_function_attribute("noinline")
            found = self._parts[args] = result._replace(entry_point=result.library)
            self.targetctx.insert_user_function(found.entry_point, found.fndesc, [found.library])
        return found

    def compile(self, sig: Any) -> Any:
        """Make the whole executable for argument types: from this process, from disk, or by compiling it."""
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
    """Spare the garbage collector the search through all that a compiler allocates, and keeps."""
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
    """One type for all that converts to it at no cost, so that a kernel is not compiled twice."""
    if isinstance(given, types.NestedArray):
        return types.Array(given.dtype, given.ndim, "C")
    return types.unliteral(given)
