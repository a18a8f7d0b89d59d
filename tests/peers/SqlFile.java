import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.ResultKind;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

/**
 * Runs the statements of one SQL file on a Flink cluster inside this process, one after the other, each job to its end.
 * An INSERT prints nothing, a SELECT its rows, anything else what Flink answers. Any error ends the run with exit code 1.
 */
public final class SqlFile {
    public static void main(String[] arguments) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("execution.target", "local");
        configuration.setString("parallelism.default", "1");
        TableEnvironment tables = TableEnvironment.create(
            EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build());
        for (String statement : statements(Files.readString(Path.of(arguments[0])))) {
            // Options that are Logmill's own mean nothing to Flink.
            if (statement.matches("(?is)SET\\s+'logmill\\..*")) continue;
            run(tables, statement);
        }
        System.exit(0);
    }

    private static void run(TableEnvironment tables, String statement) throws Exception {
        if (statement.regionMatches(true, 0, "SET", 0, 3)) {
            String[] pair = statement.substring(3).trim().split("\\s*=\\s*", 2);
            tables.getConfig().set(unquoted(pair[0]), unquoted(pair[1]));
            return;
        }
        TableResult result = tables.executeSql(statement);
        boolean isInsert = statement.regionMatches(true, 0, "INSERT", 0, 6) || statement.regionMatches(true, 0, "EXECUTE", 0, 7);
        if (isInsert) {
            result.await();
        } else if (result.getResultKind() == ResultKind.SUCCESS_WITH_CONTENT) {
            result.print();
        }
    }

    /** Cuts at semicolons, except inside quotes and inside BEGIN ... END; drops comments that run to the end of their line. */
    private static List<String> statements(String text) {
        List<String> found = new ArrayList<>();
        StringBuilder current = new StringBuilder();
        char quote = 0;
        for (int at = 0; at < text.length(); at++) {
            char c = text.charAt(at);
            if (quote != 0) {
                current.append(c);
                if (c == quote) quote = 0;
            } else if (text.startsWith("--", at)) {
                while (at + 1 < text.length() && text.charAt(at + 1) != '\n') at++;
            } else if (c == ';' && !isOpenSet(current)) {
                if (!current.toString().isBlank()) found.add(current.toString().trim());
                current.setLength(0);
            } else {
                if (c == '\'' || c == '`') quote = c;
                current.append(c);
            }
        }
        if (!current.toString().isBlank()) found.add(current.toString().trim());
        return found;
    }

    private static boolean isOpenSet(StringBuilder statement) {
        String text = statement.toString().trim().toUpperCase();
        return text.startsWith("EXECUTE STATEMENT SET") && !text.endsWith("END");
    }

    private static String unquoted(String text) {
        return text.replaceAll("^'|'$", "");
    }
}
