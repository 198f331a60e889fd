import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.datasketches.kll.KllDoublesSketch;
import org.apache.datasketches.memory.Memory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * A drift monitor's consumer as one would write it in Java: kafka-clients, Jackson's
 * streaming parser, one KLL sketch per feature and minute of event time. It is written
 * to be fast: names are expected in the order of the event before, numbers go from the
 * parser into an array, timestamps are read by place.
 *
 * Protocol: one JSON line with the versions when ready; then for each line on standard
 * input one pass over the topic and one JSON line about it. It ends with its input.
 */
public final class Rival {
    private static final long WINDOW_MS = 60_000;
    private static final long LATENESS_MS = 120_000;
    private static final int K = 200;

    private final JsonFactory json =
            JsonFactory.builder().enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER).build();
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final TopicPartition partition;
    private final long events;
    private final String[] names;
    private final Map<String, Integer> places = new HashMap<>();
    private final double[] row;
    private final boolean[] seen;

    /** What is counted of one minute. */
    private static final class Window {
        final KllDoublesSketch[] sketches;
        final long[] nulls;

        Window(int features) {
            sketches = new KllDoublesSketch[features];
            for (int i = 0; i < features; i++) {
                sketches[i] = KllDoublesSketch.newHeapInstance(K);
            }
            nulls = new long[features];
        }
    }

    private final Map<Long, Window> open = new HashMap<>();
    private final List<byte[][]> closed = new ArrayList<>();
    private long clock;
    private long rows;
    private long late;

    private Rival(Map<String, String> flags) {
        names = flags.get("features").split(",");
        for (int i = 0; i < names.length; i++) {
            names[i] = names[i].intern(); // the parser interns names too
            places.put(names[i], i);
        }
        row = new double[names.length];
        seen = new boolean[names.length];
        events = Long.parseLong(flags.get("events"));
        partition = new TopicPartition(flags.get("topic"), 0);
        Properties p = new Properties();
        p.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, flags.get("brokers"));
        p.put(ConsumerConfig.GROUP_ID_CONFIG, "rival-java");
        p.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        p.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        p.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "10000");
        p.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, Integer.toString(4 << 20));
        p.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, "100");
        p.put(ConsumerConfig.RECEIVE_BUFFER_CONFIG, Integer.toString(1 << 20));
        consumer = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.assign(List.of(partition));
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> flags = new HashMap<>();
        for (String a : args) {
            int eq = a.indexOf('=');
            if (!a.startsWith("--") || eq < 0) {
                throw new IllegalArgumentException("argument " + a + ", want --name=value");
            }
            flags.put(a.substring(2, eq), a.substring(eq + 1));
        }
        Rival r = new Rival(flags);
        System.out.printf(
                "{\"versions\":{\"java\":\"%s\",\"kafka-clients\":\"%s\",\"jackson-core\":\"%s\",\"datasketches-java\":\"%s\"}}%n",
                System.getProperty("java.version"),
                AppInfoParser.getVersion(),
                r.json.version(),
                System.getProperty("rival.datasketches"));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        while (in.readLine() != null) {
            System.out.println(r.pass());
        }
        r.consumer.close();
    }

    /** Reads the topic once. Its time is that of the whole process: compiler and collector count. */
    private String pass() throws IOException {
        open.clear();
        closed.clear();
        clock = Long.MIN_VALUE;
        rows = 0;
        late = 0;
        consumer.seekToBeginning(List.of(partition));
        OperatingSystemMXBean os = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long wallFrom = System.nanoTime();
        long cpuFrom = os.getProcessCpuTime();
        long read = 0;
        while (read < events) {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofSeconds(1));
            for (ConsumerRecord<byte[], byte[]> rec : records.records(partition)) {
                if (rec.offset() >= events) {
                    break;
                }
                count(rec.value(), rec.timestamp());
                read++;
            }
            if (close(clock - LATENESS_MS)) {
                consumer.commitAsync(Map.of(partition, new OffsetAndMetadata(consumer.position(partition))), null);
            }
        }
        close(Long.MAX_VALUE);
        long cpu = os.getProcessCpuTime() - cpuFrom;
        return report(cpu, System.nanoTime() - wallFrom);
    }

    /** Decodes one event and counts it in its minute. */
    private void count(byte[] value, long recordMS) throws IOException {
        long eventMS = recordMS;
        java.util.Arrays.fill(seen, false);
        try (JsonParser p = json.createParser(value)) {
            if (p.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("not an object");
            }
            for (String name = p.nextFieldName(); name != null; name = p.nextFieldName()) {
                JsonToken t = p.nextToken();
                if (name.equals("features") && t == JsonToken.START_OBJECT) {
                    features(p);
                } else if (name.equals("ts")) {
                    eventMS = t == JsonToken.VALUE_STRING
                            ? time(p.getTextCharacters(), p.getTextOffset(), p.getTextLength())
                            : p.getLongValue();
                } else {
                    p.skipChildren();
                }
            }
        }
        clock = Math.max(clock, recordMS);
        if (clock - eventMS > LATENESS_MS) {
            late++;
            return;
        }
        Window w = window(Math.floorDiv(eventMS, WINDOW_MS) * WINDOW_MS);
        for (int i = 0; i < row.length; i++) {
            if (seen[i]) {
                w.sketches[i].update(row[i]);
            } else {
                w.nulls[i]++;
            }
        }
        rows++;
    }

    private void features(JsonParser p) throws IOException {
        int expected = 0;
        for (String name = p.nextFieldName(); name != null; name = p.nextFieldName()) {
            int at;
            if (expected < names.length && names[expected] == name) {
                at = expected;
            } else {
                Integer place = places.get(name);
                at = place == null ? -1 : place;
            }
            expected = at + 1;
            JsonToken t = p.nextToken();
            if (at >= 0 && t.isNumeric()) {
                row[at] = p.getDoubleValue();
                seen[at] = true;
            } else {
                p.skipChildren();
            }
        }
    }

    private long lastStart = Long.MIN_VALUE;
    private Window last;

    private Window window(long start) {
        if (start == lastStart && open.get(start) == last && last != null) {
            return last;
        }
        lastStart = start;
        last = open.computeIfAbsent(start, s -> new Window(names.length));
        return last;
    }

    /** Makes bytes of the windows that ended by then. */
    private boolean close(long byMS) {
        boolean any = false;
        for (Iterator<Map.Entry<Long, Window>> it = open.entrySet().iterator(); it.hasNext(); ) {
            Map.Entry<Long, Window> e = it.next();
            if (byMS != Long.MAX_VALUE && e.getKey() + WINDOW_MS >= byMS) {
                continue;
            }
            byte[][] out = new byte[names.length][];
            for (int i = 0; i < out.length; i++) {
                out[i] = e.getValue().sketches[i].toByteArray();
            }
            closed.add(out);
            it.remove();
            any = true;
        }
        return any;
    }

    private String lastDate = "";
    private long lastDateMS;

    /** 2026-01-02T03:04:05.678Z by place; what is laid out otherwise goes to java.time. */
    private long time(char[] c, int at, int n) {
        if (n != 24 || c[at + 10] != 'T' || c[at + 19] != '.' || c[at + 23] != 'Z') {
            return Instant.parse(new String(c, at, n)).toEpochMilli();
        }
        boolean same = lastDate.length() == 10;
        for (int i = 0; same && i < 10; i++) {
            same = lastDate.charAt(i) == c[at + i];
        }
        if (!same) {
            lastDate = new String(c, at, 10);
            lastDateMS = LocalDate.parse(lastDate).toEpochDay() * 86_400_000L;
        }
        return lastDateMS + digits(c, at + 11, 2) * 3_600_000L + digits(c, at + 14, 2) * 60_000L
                + digits(c, at + 17, 2) * 1000L + digits(c, at + 20, 3);
    }

    private static int digits(char[] c, int at, int n) {
        int v = 0;
        for (int i = at; i < at + n; i++) {
            v = v * 10 + (c[i] - '0');
        }
        return v;
    }

    /** The quantiles of all windows together, by which the pass is checked. */
    private String report(long cpu, long wall) {
        StringBuilder s = new StringBuilder();
        long bytes = 0;
        s.append("{\"events\":").append(rows).append(",\"late\":").append(late)
                .append(",\"cpu_ns\":").append(cpu).append(",\"wall_ns\":").append(wall)
                .append(",\"windows\":").append(closed.size()).append(",\"quantiles\":{");
        for (int i = 0; i < names.length; i++) {
            KllDoublesSketch all = KllDoublesSketch.newHeapInstance(K);
            for (byte[][] w : closed) {
                all.merge(KllDoublesSketch.heapify(Memory.wrap(w[i])));
                bytes += w[i].length;
            }
            s.append(i == 0 ? "" : ",").append('"').append(names[i]).append("\":[")
                    .append(all.getQuantile(0.1)).append(',')
                    .append(all.getQuantile(0.5)).append(',')
                    .append(all.getQuantile(0.9)).append(']');
        }
        return s.append("},\"output_bytes\":").append(bytes).append('}').toString();
    }
}
