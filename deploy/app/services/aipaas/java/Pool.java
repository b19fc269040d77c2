import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** HikariCP's pool of connections to PostgreSQL, bounded as application.yaml says; each statement is its own transaction. */
final class Pool {
    final HikariDataSource source;
    private final ExecutorService probes = Executors.newCachedThreadPool();

    /** IllegalArgumentException names the first bound that the document lacks. Times there are in ms. */
    Pool(String document) {
        HikariConfig config = new HikariConfig();
        Map<String, String> env = System.getenv();
        config.setJdbcUrl("jdbc:postgresql://" + env.getOrDefault("DATABASE_HOST", "postgresql.data-services") + ":5432/"
            + env.getOrDefault("DATABASE_NAME", "aic_aipaas") + "?connectTimeout=2&tcpKeepAlive=true&ApplicationName=" + Service.NAME);
        config.setUsername(env.getOrDefault("DATABASE_USER", "aic_app"));
        config.setPassword(env.getOrDefault("DATABASE_PASSWORD", ""));
        config.setMaximumPoolSize((int) bound(document, "maximum-pool-size"));
        config.setMinimumIdle((int) bound(document, "minimum-idle"));
        config.setConnectionTimeout(bound(document, "connection-timeout"));
        config.setIdleTimeout(bound(document, "idle-timeout"));
        config.setMaxLifetime(bound(document, "max-lifetime"));
        // A replica whose database is away must start too.
        config.setInitializationFailTimeout(-1);
        source = new HikariDataSource(config);
    }

    private static long bound(String document, String name) {
        Matcher found = Pattern.compile("(?m)^\\s*" + name + ":\\s*(\\d+)\\s*$").matcher(document);
        if (!found.find()) {
            throw new IllegalArgumentException("application.yaml: spring.datasource.hikari." + name + " is not there");
        }
        return Long.parseLong(found.group(1));
    }

    /** The first column of every row; SQLTransientConnectionException where no connection is free in time. */
    List<String> rows(String sql, Object... values) throws SQLException {
        try (Connection connection = source.getConnection(); PreparedStatement asked = connection.prepareStatement(sql)) {
            for (int index = 0; index < values.length; index++) {
                asked.setObject(index + 1, values[index]);
            }
            List<String> found = new ArrayList<>();
            try (ResultSet rows = asked.executeQuery()) {
                while (rows.next()) {
                    found.add(rows.getString(1));
                }
            }
            return found;
        }
    }

    /** Whether the server answers a statement within a second. */
    boolean answers() {
        Future<Boolean> asked = probes.submit(() -> !rows("SELECT 1").isEmpty());
        try {
            return asked.get(1, TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException error) {
            return false;
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            asked.cancel(true);
        }
    }

    /** How many connections are active, idle, waited for, and at most allowed. */
    Map<String, Integer> usage() {
        Map<String, Integer> usage = new LinkedHashMap<>();
        var now = source.getHikariPoolMXBean();
        usage.put("active", now.getActiveConnections());
        usage.put("idle", now.getIdleConnections());
        usage.put("pending", now.getThreadsAwaitingConnection());
        usage.put("max", source.getMaximumPoolSize());
        return usage;
    }

    void close() {
        probes.shutdownNow();
        source.close();
    }
}
