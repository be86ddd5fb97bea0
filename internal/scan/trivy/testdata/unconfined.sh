#!/bin/sh
# Stands in for what confines a test program: the stand-ins of the conformance
# suite keep their own files.
shift
exec "$@"
