#!/bin/bash
exec "$(dirname "$0")/run-class.sh" kafka.admin.ConfigCommand "$@"
