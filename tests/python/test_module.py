"""The package itself: what importing costs, its plugins, its stubs."""
import ast
import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path

import golong
import pytest
from golong import _golong


def run(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_torch_is_not_loaded():
    mapped = run("import golong\n"
                 "golong.plugins(); golong.advantages('grpo', [1, 0], [1, 1]); golong.Config()\n"
                 "golong.score([{'data_source': 'EM', 'response': 'x</think>y', "
                 "'reward_model': {'ground_truth': {'golden_label': 'y'}}}])\n"
                 "import sys; assert 'torch' not in sys.modules\n"
                 "print(open('/proc/self/maps').read())")
    assert "libgolong_core" in mapped
    assert not re.search(r"libtorch|libc10|libgolong_engine", mapped)


def test_errors_are_value_errors():
    assert issubclass(golong.Error, ValueError)
    assert golong.Error.__module__ == "golong"
    assert pickle.loads(pickle.dumps(golong.Error("text"))).args == ("text",)


def test_plugins_are_listed():
    plugins = golong.plugins()
    kinds = [plugin["kind"] for plugin in plugins]
    assert kinds.count("task") >= 9 and kinds.count("reward") >= 9 and kinds.count("normalizer") >= 4
    assert len({(plugin["kind"], plugin["id"]) for plugin in plugins}) == len(plugins)
    tmn = next(plugin for plugin in plugins if plugin["id"] == "tmn_reweight")
    assert re.fullmatch(r"\d+\.\d+\.\d+", tmn["version"]) and tmn["summary"] and Path(tmn["library"]).is_file()
    parameters = {parameter["name"]: parameter for parameter in tmn["parameters"]}
    assert set(parameters) == {"alpha", "gamma", "epsilon"}
    assert parameters["alpha"] | {"help": ""} == {"name": "alpha", "type": "float", "default": 0.8, "minimum": 0.0,
                                                  "maximum": 1.0, "choices": None, "help": ""}
    mode = next(parameter for plugin in plugins if plugin["id"] == "f1" for parameter in plugin["parameters"]
                if parameter["name"] == "mode")
    assert mode["type"] == "str" and set(mode["choices"]) >= {"released", "strict"}


def test_a_plugin_path_that_is_none_is_named_and_forgotten(tmp_path):
    for path in (tmp_path / "nothing", __file__):
        with pytest.raises(golong.Error, match=re.escape(Path(path).name)):
            golong.add_plugin_path(path)
    assert golong.plugins()


def stub_tree():
    return ast.parse((Path(golong.__file__).parent / "_golong.pyi").read_text())


def parameters_of_stub(function):
    arguments = function.args
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
    return names + (["**" + arguments.kwarg.arg] if arguments.kwarg else [])


def parameters_of_binding(function):
    """Names out of the signature that pybind11 writes into the first line of the docstring."""
    line = function.__doc__.splitlines()[0]
    depth, parts, current = 0, [], ""
    for character in line[line.index("(") + 1:line.rindex(") ->")]:
        depth += character in "([{"
        depth -= character in ")]}"
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    parts = [part.strip() for part in [*parts, current] if part.strip()]
    return [re.match(r"\*{0,2}\w+", part).group() for part in parts if part != "*"]


def test_stubs_name_everything_that_is_there():
    def public(names):
        return {name for name in names if not name.startswith("_")}

    tree = stub_tree()
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert public(vars(_golong)) == set(functions) | set(classes)
    for name, stub in functions.items():
        assert parameters_of_stub(stub) == parameters_of_binding(getattr(_golong, name)), name
    for name, stub in classes.items():
        methods = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef)}
        bound = getattr(_golong, name)
        if issubclass(bound, Exception):
            continue
        assert public(vars(bound)) == public(methods), name
        for method, node in methods.items():
            assert parameters_of_stub(node) == parameters_of_binding(getattr(bound, method)), f"{name}.{method}"


def test_the_package_is_typed_and_documented():
    assert (Path(golong.__file__).parent / "py.typed").exists()
    for name in golong.__all__:
        assert inspect.getdoc(getattr(golong, name)), name
    for function in (golong.advantages, golong.score, golong.train, golong.load_config):
        for parameter in inspect.signature(function).parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty, f"{function.__name__}({parameter.name})"


def test_version_is_the_projects():
    text = (Path(__file__).parent.parent.parent / "CMakeLists.txt").read_text()
    assert golong.__version__ == re.search(r"project\(golong VERSION ([\d.]+)", text).group(1)
