import java.sql.SQLException;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Create, read, update and delete in table applications. The database makes and reads the JSON. */
final class Register {
    private static final String ALL = "/applications";
    private static final String ONE = "/applications/{id:int}";
    private static final Pattern BY_ID = Pattern.compile("/applications/(\\d+)");
    private static final String ROW =
        "json_build_object('id', id, 'name', name, 'owner', owner, 'created_at', created_at::text)::text";
    private static final String FIELDS =
        " FROM (SELECT ?::jsonb AS body) AS asked WHERE jsonb_typeof(body->'name') = 'string' AND jsonb_typeof(body->'owner') = 'string'";

    private final Pool pool;

    Register(Pool pool) {
        this.pool = pool;
    }

    static String routeOf(String path) {
        return path.equals(ALL) ? ALL : BY_ID.matcher(path).matches() ? ONE : "unmatched";
    }

    Answer answer(String method, String path, String query, String body) throws SQLException {
        Matcher one = BY_ID.matcher(path);
        if (path.equals(ALL) && method.equals("GET")) {
            return listed(limitOf(query));
        }
        if (path.equals(ALL) && method.equals("POST")) {
            return created(body);
        }
        if (one.matches()) {
            long id = Long.parseLong(one.group(1));
            return switch (method) {
                case "GET" -> found(pool.rows("SELECT " + ROW + " FROM applications WHERE id = ?", id));
                case "PUT" -> updated(id, body);
                case "DELETE" -> deleted(id);
                default -> Answer.error(405, "method not allowed", "unmatched");
            };
        }
        boolean known = path.equals(ALL);
        return Answer.error(known ? 405 : 404, known ? "method not allowed" : "no such page", "unmatched");
    }

    private Answer listed(int limit) throws SQLException {
        String newest = "SELECT id, name, owner, created_at FROM applications ORDER BY id DESC LIMIT ?";
        String sql = "SELECT coalesce(json_agg(" + ROW + "::json)::text, '[]') FROM (" + newest + ") AS newest";
        return new Answer(200, pool.rows(sql, limit).get(0), ALL);
    }

    private Answer created(String body) throws SQLException {
        String sql = "INSERT INTO applications (name, owner) SELECT body->>'name', body->>'owner'" + FIELDS + " RETURNING " + ROW;
        List<String> rows = pool.rows(sql, body);
        return rows.isEmpty() ? bad(ALL) : new Answer(201, rows.get(0), ALL);
    }

    private Answer updated(long id, String body) throws SQLException {
        if (pool.rows("SELECT 1" + FIELDS, body).isEmpty()) {
            return bad(ONE);
        }
        String sql = "UPDATE applications SET name = b.body->>'name', owner = b.body->>'owner'"
            + " FROM (SELECT ?::jsonb AS body) AS b WHERE id = ? RETURNING " + ROW;
        return found(pool.rows(sql, body, id));
    }

    private Answer deleted(long id) throws SQLException {
        List<String> gone = pool.rows("DELETE FROM applications WHERE id = ? RETURNING id", id);
        return gone.isEmpty() ? found(gone) : new Answer(204, "", ONE);
    }

    private static Answer found(List<String> rows) {
        return rows.isEmpty() ? Answer.error(404, "no such application", ONE) : new Answer(200, rows.get(0), ONE);
    }

    private static Answer bad(String route) {
        return Answer.error(400, "name and owner: text expected", route);
    }

    private static int limitOf(String query) {
        for (String part : query == null ? new String[0] : query.split("&")) {
            if (part.startsWith("limit=")) {
                return Math.max(1, Math.min(100, Integer.parseInt(part.substring("limit=".length()))));
            }
        }
        return 20;
    }
}
