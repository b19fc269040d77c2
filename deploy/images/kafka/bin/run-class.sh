#!/bin/bash
# run-class.sh CLASS ARGUMENT...: a class of Kafka's jars; KAFKA_HEAP_OPTS, KAFKA_OPTS and JAVA_OPTS go to Java as they are.
set -euo pipefail
home=$(cd "$(dirname "$0")/.." && pwd)
logs=${KAFKA_LOG4J_OPTS:--Dlog4j.configuration=file:$home/config/log4j.properties}
# A tool lives for a second: the small heap and the light compiler start soonest.
# shellcheck disable=SC2086 # options are words
exec java ${KAFKA_HEAP_OPTS:--Xmx192m} -XX:+UseSerialGC -XX:TieredStopAtLevel=${KAFKA_TIER:-1} $logs \
    ${KAFKA_OPTS:-} ${JAVA_OPTS:-} -cp "$home/libs/*" "$@"
