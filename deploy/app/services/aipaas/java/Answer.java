/** What a request is answered with; `route` is the template that it counts under, null where it does not count. */
record Answer(int status, String body, String route) {
    static Answer uncounted(int status, String body) {
        return new Answer(status, body, null);
    }

    static Answer error(int status, String says, String route) {
        return new Answer(status, "{\"error\":\"" + says + "\"}", route);
    }
}
