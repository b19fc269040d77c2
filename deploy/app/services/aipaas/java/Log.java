import java.time.Instant;

/** Log lines as JSON on standard output, in the shape that the other services write. */
final class Log {
    private Log() {}

    static void line(String level, String message, String cause) {
        System.out.println("{\"time\":\"" + Instant.now() + "\",\"level\":\"" + level + "\",\"service\":\"" + Service.NAME
            + "\",\"message\":\"" + escaped(message) + "\",\"cause\":\"" + escaped(cause) + "\"}");
    }

    private static String escaped(String text) {
        return String.valueOf(text).replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}+", " ");
    }
}
