import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Health, metrics and effective configuration, in the actuator's shapes. */
final class Actuator {
    private static final String METRICS = "/actuator/metrics";

    private final Pool pool;
    private final Figures figures;

    Actuator(Pool pool, Figures figures) {
        this.pool = pool;
        this.figures = figures;
    }

    /** Null where the path is none of its own. */
    Answer answer(String path) {
        return switch (path) {
            case "/actuator/health" -> health();
            case "/status" -> status();
            case "/actuator/configprops" -> Answer.uncounted(200, configuration());
            case "/actuator/info" -> Answer.uncounted(200, flags());
            case METRICS -> Answer.uncounted(200, names());
            default -> path.startsWith(METRICS + "/") ? metric(path.substring(METRICS.length() + 1)) : null;
        };
    }

    /** UP, or DOWN with 503 where the database does not answer. */
    private Answer health() {
        boolean up = pool.answers();
        String word = up ? "UP" : "DOWN";
        String body = "{\"status\":\"%s\",\"components\":{\"db\":{\"status\":\"%s\"}}}".formatted(word, word);
        return Answer.uncounted(up ? 200 : 503, body);
    }

    private Answer status() {
        boolean up = pool.answers();
        String body = "{\"service\":\"%s\",\"status\":\"%s\",\"dependencies\":{\"postgresql\":\"%s\"}}";
        return Answer.uncounted(200, body.formatted(Service.NAME, up ? "ok" : "degraded", up ? "up" : "down"));
    }

    /** The pool's bounds in force, as HikariCP has them. */
    private String configuration() {
        var source = pool.source;
        String hikari = "{\"maximumPoolSize\":%d,\"minimumIdle\":%d,\"connectionTimeout\":%d,\"idleTimeout\":%d,\"maxLifetime\":%d}"
            .formatted(source.getMaximumPoolSize(), source.getMinimumIdle(), source.getConnectionTimeout(),
                source.getIdleTimeout(), source.getMaxLifetime());
        return "{\"contexts\":{\"application\":{\"beans\":{\"dataSource\":{\"prefix\":\"spring.datasource.hikari\",\"properties\":"
            + hikari + "}}}}}";
    }

    /** The flags that this JVM runs with, whatever it was told by its environment. */
    private static String flags() {
        var jvm = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
        return Stream.of("InitialHeapSize", "MaxHeapSize", "UseG1GC")
            .map(name -> "\"" + name + "\":" + jvm.getVMOption(name).getValue())
            .collect(Collectors.joining(",", "{\"java\":{\"flags\":{", "}}}"));
    }

    private Map<String, String> measured() {
        Map<String, String> found = new TreeMap<>();
        pool.usage().forEach((name, value) -> found.put("hikaricp.connections." + name, one("VALUE", value)));
        found.put("http.server.requests", one("COUNT", figures.requestCount()) + "," + one("TOTAL_TIME", figures.requestSeconds()));
        found.put("jvm.memory.max", one("VALUE", Runtime.getRuntime().maxMemory()));
        return found;
    }

    private static String one(String statistic, Number value) {
        return "{\"statistic\":\"" + statistic + "\",\"value\":" + value.doubleValue() + "}";
    }

    private String names() {
        return measured().keySet().stream().collect(Collectors.joining("\",\"", "{\"names\":[\"", "\"]}"));
    }

    private Answer metric(String name) {
        String found = measured().get(name);
        return found == null
            ? Answer.error(404, "no such metric", null)
            : Answer.uncounted(200, "{\"name\":\"" + name + "\",\"measurements\":[" + found + "]}");
    }
}
