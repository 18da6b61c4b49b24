"""`xlm-tf serve`: exported models by HTTP and gRPC, as TF Serving does."""

import signal
import threading

from xlm_tf.cli.argument_types import whole


def add_arguments(parser):
    """Add the arguments of `serve`."""
    parser.add_argument(
        "directory",
        help="a model directory with version folders in it (models/sentiment, holding "
        "models/sentiment/1/saved_model.pb), or a directory of those",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; 0.0.0.0 answers other machines too "
        "(default: %(default)s, this machine only)",
    )
    parser.add_argument(
        "--rest-port",
        type=whole("rest_port", 0, 65535),
        default=8501,
        help="0 for any free port (default: %(default)s)",
    )
    parser.add_argument(
        "--grpc-port",
        type=whole("grpc_port", 0, 65535),
        default=8500,
        help="0 for any free port (default: %(default)s)",
    )
    parser.add_argument(
        "--all-versions",
        action="store_true",
        help="serve every version, not only the latest of each model",
    )


def run(args):
    """Serve until interrupted.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0 after SIGINT or SIGTERM.

    Raises:
        ValueError, OSError: if there is nothing to serve, or a port is in use.
    """
    try:
        from export.serving import LocalServer
        from export.serving.example_request import example_curl
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from error

    server = LocalServer(
        args.directory,
        rest_port=args.rest_port,
        grpc_port=args.grpc_port,
        host=args.host,
        all_versions=args.all_versions,
    )
    print(f"Loading the models of {args.directory} ...", flush=True)
    with server:
        stopped = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        _print_models(server, example_curl)
        stopped.wait()
        print("Stopping.", flush=True)
    return 0


def _print_models(server, example_curl):
    print(f"REST at {server.rest_url}, gRPC at {server.grpc_address}")
    for name in server.repository.model_names:
        versions = server.repository.versions(name)
        numbers = ", ".join(str(served.version) for served in versions)
        url = f"{server.rest_url}/v1/models/{name}"
        signature_defs = versions[-1].signature_defs
        print(f"\n{name} (version {numbers}): {url}")
        if "serving_default" in signature_defs:
            print(f"  {example_curl(url, signature_defs['serving_default'])}")
    print("\nReady; Ctrl-C stops.", flush=True)
