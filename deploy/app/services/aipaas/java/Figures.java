import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;

/** Requests counted and timed, with the names, labels and bucket boundaries of the other services. */
final class Figures {
    private static final double[] BUCKETS = {0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0};

    private static final class Times {
        final LongAdder[] within = new LongAdder[BUCKETS.length];
        final LongAdder count = new LongAdder();
        final DoubleAdder sum = new DoubleAdder();

        Times() {
            for (int index = 0; index < within.length; index++) {
                within[index] = new LongAdder();
            }
        }
    }

    private final Map<String, LongAdder> requests = new ConcurrentHashMap<>();
    private final Map<String, Times> seconds = new ConcurrentHashMap<>();

    void count(String method, String route, int code, double took) {
        String labels = "code=\"" + code + "\",method=\"" + method + "\"," + labelsOf(route);
        requests.computeIfAbsent(labels, key -> new LongAdder()).increment();
        Times times = seconds.computeIfAbsent(labelsOf(route), key -> new Times());
        for (int index = 0; index < BUCKETS.length; index++) {
            if (took <= BUCKETS[index]) {
                times.within[index].increment();
            }
        }
        times.sum.add(took);
        times.count.increment();
    }

    private static String labelsOf(String route) {
        return "route=\"" + route + "\",service=\"" + Service.NAME + "\"";
    }

    long requestCount() {
        return seconds.values().stream().mapToLong(times -> times.count.sum()).sum();
    }

    double requestSeconds() {
        return seconds.values().stream().mapToDouble(times -> times.sum.sum()).sum();
    }

    /** Prometheus's text format. */
    String exposition(Pool pool) {
        StringBuilder text = new StringBuilder("# TYPE http_requests_total counter\n");
        new TreeMap<>(requests).forEach((labels, n) -> text.append(line("http_requests_total", labels, n.sum())));
        text.append("# TYPE http_request_duration_seconds histogram\n");
        new TreeMap<>(seconds).forEach((labels, times) -> text.append(histogram(labels, times)));
        pool.usage().forEach((name, value) -> text.append("# TYPE hikaricp_connections_").append(name).append(" gauge\n")
            .append("hikaricp_connections_").append(name).append(' ').append(value).append('\n'));
        Runtime runtime = Runtime.getRuntime();
        text.append("# TYPE jvm_memory_max_bytes gauge\njvm_memory_max_bytes ").append(runtime.maxMemory());
        text.append("\n# TYPE jvm_memory_used_bytes gauge\njvm_memory_used_bytes ").append(runtime.totalMemory() - runtime.freeMemory());
        return text.append('\n').toString();
    }

    private static String histogram(String labels, Times times) {
        StringBuilder text = new StringBuilder();
        for (int index = 0; index < BUCKETS.length; index++) {
            text.append(line("http_request_duration_seconds_bucket", "le=\"" + BUCKETS[index] + "\"," + labels, times.within[index].sum()));
        }
        text.append(line("http_request_duration_seconds_bucket", "le=\"+Inf\"," + labels, times.count.sum()));
        text.append(line("http_request_duration_seconds_count", labels, times.count.sum()));
        return text.append(line("http_request_duration_seconds_sum", labels, times.sum.sum())).toString();
    }

    private static String line(String name, String labels, Number value) {
        return name + "{" + labels + "} " + value + "\n";
    }
}
