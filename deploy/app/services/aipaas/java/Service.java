import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.Set;
import java.util.concurrent.Executors;

/** app-management-service: the register of applications, and the actuator that operators read. */
final class Service {
    static final String NAME = System.getenv().getOrDefault("ROLE", "app-management-service");
    private static final Path DRAINING = Path.of("/tmp/draining");
    private static final Path CONFIGURATION = Path.of("/etc/app-management/application.yaml");
    /** SQL states of a request that asks for nonsense: no JSON, a value that is missing, a number out of range. */
    private static final Set<String> BAD_REQUEST = Set.of("22P02", "23502", "22003", "22023", "22P05");
    /** Longer than the longest burst of requests that wait for one pool; each of them has a thread. */
    private static final int THREADS = 200;
    private static final int WARM_UP_ROUNDS = 60;

    private final Pool pool;
    private final Register register;
    private final Actuator actuator;
    private final Figures figures = new Figures();
    private final int port;
    private volatile boolean warm;

    private Service(int port) throws IOException {
        this.port = port;
        this.pool = new Pool(Files.readString(CONFIGURATION));
        this.register = new Register(pool);
        this.actuator = new Actuator(pool, figures);
    }

    public static void main(String[] arguments) throws Exception {
        // An answer that waits for the client's delayed acknowledgement would take 40 ms.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        // Longer than the proxy keeps an idle connection, so that never the server is the one to close it.
        System.setProperty("sun.net.httpserver.idleInterval", "65");
        // The file outlives a container that was restarted in its pod.
        Files.deleteIfExists(DRAINING);
        new Service(Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"))).run();
    }

    private void run() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 1024);
        server.createContext("/", this::answer);
        server.setExecutor(Executors.newFixedThreadPool(THREADS));
        server.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.stop(8);
            pool.close();
        }));
        warmUp();
        Log.line("INFO", "ready", "");
    }

    /** The first users of a new replica must not wait for the JVM to learn its work. */
    private void warmUp() {
        for (int round = 0; round < WARM_UP_ROUNDS; round++) {
            try {
                URI page = URI.create("http://" + InetAddress.getLoopbackAddress().getHostAddress() + ":" + port + "/applications?limit=5");
                HttpURLConnection asked = (HttpURLConnection) page.toURL().openConnection();
                asked.setRequestProperty("X-Warm-Up", "1");
                asked.setReadTimeout(2000);
                if (asked.getResponseCode() != 200) {
                    break;
                }
                asked.getInputStream().readAllBytes();
            } catch (IOException error) {
                // A replica whose database is away must start too.
                break;
            }
        }
        warm = true;
    }

    private void answer(HttpExchange exchange) {
        long began = System.nanoTime();
        Answer answer = new Answer(500, "{\"error\":\"internal error\"}", "unmatched");
        try (exchange) {
            answer = answerOf(exchange);
            send(exchange, answer);
        } catch (IOException error) {
            Log.line("WARNING", "the client went away", error.toString());
        } catch (RuntimeException error) {
            Log.line("ERROR", "request failed", error.toString());
        } finally {
            if (answer.route() != null && !exchange.getRequestHeaders().containsKey("X-Warm-Up")) {
                figures.count(exchange.getRequestMethod(), answer.route(), answer.status(), (System.nanoTime() - began) / 1e9);
            }
        }
    }

    private Answer answerOf(HttpExchange exchange) throws IOException {
        String method = exchange.getRequestMethod();
        String path = exchange.getRequestURI().getPath();
        Answer own = ownRoutes(path);
        if (own != null) {
            return own;
        }
        String route = Register.routeOf(path);
        try {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            return register.answer(method, path, exchange.getRequestURI().getQuery(), body);
        } catch (NumberFormatException error) {
            return Answer.error(400, "a number is expected", route);
        } catch (SQLTransientConnectionException error) {
            Log.line("ERROR", "no database connection in time", error.getMessage());
            return Answer.error(503, "no database connection in time", route);
        } catch (SQLException error) {
            if (BAD_REQUEST.contains(String.valueOf(error.getSQLState()))) {
                return Answer.error(400, "name and owner: text expected", route);
            }
            Log.line("ERROR", "database error", error.getSQLState() + ": " + error.getMessage());
            return Answer.error(500, "database error", route);
        }
    }

    /** Routes that are no user's request and are not counted; null where it is one. */
    private Answer ownRoutes(String path) {
        return switch (path) {
            case "/health" -> Answer.uncounted(200, "{\"status\":\"ok\",\"service\":\"" + NAME + "\"}");
            case "/ready" -> ready();
            case "/metrics" -> Answer.uncounted(200, figures.exposition(pool));
            default -> actuator.answer(path);
        };
    }

    private Answer ready() {
        boolean draining = Files.exists(DRAINING);
        String word = draining ? "draining" : warm ? "ready" : "starting";
        return Answer.uncounted(word.equals("ready") ? 200 : 503, "{\"status\":\"" + word + "\"}");
    }

    private void send(HttpExchange exchange, Answer answer) throws IOException {
        byte[] body = answer.body().getBytes(StandardCharsets.UTF_8);
        boolean text = exchange.getRequestURI().getPath().equals("/metrics");
        exchange.getResponseHeaders().set("Content-Type", text ? "text/plain; version=0.0.4; charset=utf-8" : "application/json");
        // While the pod drains, each answer closes its connection, so that no client reuses one that is about to end.
        if (Files.exists(DRAINING)) {
            exchange.getResponseHeaders().set("Connection", "close");
        }
        exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
    }
}
