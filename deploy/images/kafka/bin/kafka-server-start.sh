#!/bin/bash
# kafka-server-start.sh server.properties: a broker in the foreground.
home=$(cd "$(dirname "$0")/.." && pwd)
export KAFKA_LOG4J_OPTS=${KAFKA_LOG4J_OPTS:--Dlog4j.configuration=file:$home/config/server-log4j.properties}
export KAFKA_TIER=${KAFKA_TIER:-4}
exec "$home/bin/run-class.sh" kafka.Kafka "$@"
