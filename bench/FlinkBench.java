import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;

/**
 * Runs one SQL file on a Flink cluster inside this process and measures its last statement:
 * FlinkBench FILE RUNS [OPTION=VALUE ...]. Each run of a bounded INSERT, and the first row of a SELECT, prints a line of JSON;
 * with RUNS = 0 the INSERT is unbounded: "running" is printed once it runs, and the process goes on until it is killed.
 */
public final class FlinkBench {
    public static void main(String[] arguments) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("execution.target", "local");
        for (String option : Arrays.asList(arguments).subList(2, arguments.length)) {
            String[] pair = option.split("=", 2);
            configuration.setString(pair[0], pair[1]);
        }
        int runs = Integer.parseInt(arguments[1]);
        TableEnvironment tables = TableEnvironment.create(
            EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build());
        List<String> statements = statements(Files.readString(Path.of(arguments[0])));
        for (String statement : statements.subList(0, statements.size() - 1)) tables.executeSql(statement);
        String last = statements.get(statements.size() - 1);
        if (runs == 0) {
            goOn(tables.executeSql(last));
        }
        for (int run = 0; run < runs; run++) measure(tables, last);
        System.exit(0);
    }

    private static void goOn(TableResult result) throws Exception {
        while (result.getJobClient().get().getJobStatus().get() != JobStatus.RUNNING) Thread.sleep(50);
        System.out.println("running");
        result.await();
    }

    private static void measure(TableEnvironment tables, String statement) throws Exception {
        double cpu = cpuSeconds();
        long began = System.nanoTime();
        TableResult result = tables.executeSql(statement);
        double firstRow = -1;
        if (statement.regionMatches(true, 0, "SELECT", 0, 6)) {
            try (CloseableIterator<Row> rows = result.collect()) {
                rows.next();
                firstRow = millisSince(began);
            }
        } else {
            result.await();
        }
        System.out.printf(Locale.ROOT, "{\"wall_ms\": %.1f, \"cpu_seconds\": %.3f, \"first_row_ms\": %.1f, \"first_row_since_start_ms\": %d, \"rss_peak_mib\": %d}%n",
            millisSince(began), cpuSeconds() - cpu, firstRow,
            System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime(), peakMemoryMib());
    }

    private static long peakMemoryMib() throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
        }
        return 0;
    }

    private static double millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1e6;
    }

    private static double cpuSeconds() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e9;
    }

    /** The files hold no semicolon but at the end of statements, and comments only on lines of their own. */
    private static List<String> statements(String text) {
        return Arrays.stream(text.replaceAll("(?m)^--.*$", "").split(";")).map(String::trim).filter(s -> !s.isEmpty()).toList();
    }
}
