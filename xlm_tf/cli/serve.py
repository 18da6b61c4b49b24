"""`xlm-tf serve`: exported models by HTTP and gRPC, as TF Serving does."""

import signal
import threading

from xlm_tf.cli.argument_types import whole


def add_arguments(parser):
    """Add the arguments of `serve`."""
    parser.description = (
        "Serve exported models by HTTP and gRPC, with TF Serving's interfaces. The "
        "directory is watched: a new version is loaded and takes the place of the one "
        "before it, a version whose folder is deleted goes. Copy a version under "
        "another name, and rename it. SIGTERM and Ctrl-C end the server when what was "
        "sent to it is answered; a second signal ends it at once."
    )
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
    parser.add_argument(
        "--poll-seconds",
        type=float,
        default=1.0,
        metavar="S",
        help="seconds between two looks at the directory for new and deleted versions; "
        "0 to look at the start alone (default: %(default)s)",
    )
    parser.add_argument(
        "--grace-seconds",
        type=float,
        default=10.0,
        metavar="S",
        help="after a signal: seconds that clients which keep a connection open have "
        "to be told, with their next answer, that it closes; and then that running "
        "requests have to finish (default: %(default)s)",
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

    if not args.grace_seconds >= 0:
        raise ValueError(
            "--grace-seconds must not be negative. "
            f"Received: --grace-seconds {args.grace_seconds}."
        )
    server = LocalServer(
        args.directory,
        rest_port=args.rest_port,
        grpc_port=args.grpc_port,
        host=args.host,
        all_versions=args.all_versions,
        poll_seconds=args.poll_seconds,
        report=lambda change: print(change, flush=True),
    )
    print(f"Loading the models of {args.directory} ...", flush=True)
    server.start()
    try:
        stopped = threading.Event()
        numbers = (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            signal.signal(number, lambda *_: stopped.set())
        _print_models(server, example_curl)
        stopped.wait()
        print("Stopping.", flush=True)
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
    finally:
        server.stop(args.grace_seconds)
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
