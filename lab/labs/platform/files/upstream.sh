#!/bin/sh
# Writes the catalogue's entries of a service as a list for nginx: upstream.sh
# SERVICE. This is what consul-template does, which also waits for changes and
# has nginx read its file again.
set -eu
echo "upstream $1 {"
curl -fsS "http://127.0.0.1:8500/v1/catalog/service/$1" | jq -r '.[] | "    server \(.Address):\(.ServicePort);"' | sort
echo "}"
