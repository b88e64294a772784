import java.io.*;
import java.lang.annotation.*;
import java.lang.invoke.*;
import java.lang.reflect.*;
import java.net.*;
import java.nio.*;
import java.nio.charset.*;
import java.nio.file.*;
import java.security.*;
import java.time.*;
import java.time.format.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.*;
import java.util.regex.*;
import java.util.stream.*;
import java.util.zip.*;

/** A walk through the class library: what leans on natives, reflection and method handles. */
public class Library {
    @Retention(RetentionPolicy.RUNTIME) @interface Note { String value() default "d"; int[] n() default {1, 2}; }
    @Note("x") static class Noted<T extends Comparable<T>> implements Serializable { private static final long serialVersionUID = 1; T v; int n = 5; transient int t = 6; List<? super T> l = new ArrayList<>(); Noted(T v) { this.v = v; } @Note(n = {}) @Deprecated public <X extends Exception> T get(T a, int... b) throws X { return v; } class Inner { } }
    interface Shape { double area(); static Shape unit() { return () -> 1.0; } private int p() { return 1; } default int q() { return p(); } }
    volatile int counter; int[] array = new int[4];
    static final VarHandle COUNTER, ARRAY;
    static { try { COUNTER = MethodHandles.lookup().findVarHandle(Library.class, "counter", int.class); ARRAY = MethodHandles.arrayElementVarHandle(int[].class); } catch (ReflectiveOperationException e) { throw new ExceptionInInitializerError(e); } }
    static class Broken { static int x = 1 / Integer.parseInt("0"); }

    static void handles() throws Throwable {
        MethodHandles.Lookup l = MethodHandles.lookup();
        MethodHandle concat = l.findVirtual(String.class, "concat", MethodType.methodType(String.class, String.class));
        System.out.println((String) concat.invokeExact("a", "b") + concat.invoke("c", "d"));
        MethodHandle max = l.findStatic(Math.class, "max", MethodType.methodType(int.class, int.class, int.class));
        System.out.println((int) MethodHandles.insertArguments(max, 0, 7).invoke(3) + " " + max.asSpreader(Object[].class, 2).invoke(new Object[]{1, 9}));
        MethodHandle guard = MethodHandles.guardWithTest(l.findVirtual(String.class, "isEmpty", MethodType.methodType(boolean.class)), MethodHandles.dropArguments(MethodHandles.constant(String.class, "empty"), 0, String.class), MethodHandles.identity(String.class));
        System.out.println((String) guard.invokeExact("") + (String) guard.invokeExact("full"));
        MethodHandle caught = MethodHandles.catchException(l.findStatic(Integer.class, "parseInt", MethodType.methodType(int.class, String.class)), NumberFormatException.class, MethodHandles.dropArguments(MethodHandles.constant(int.class, -1), 0, NumberFormatException.class));
        System.out.println((int) caught.invokeExact("12") + (int) caught.invokeExact("zz"));
        Library o = new Library();
        COUNTER.set(o, 3); System.out.println((int) COUNTER.getAndAdd(o, 4) + " " + COUNTER.compareAndSet(o, 7, 9) + " " + o.counter + " " + (int) COUNTER.getVolatile(o));
        ARRAY.setVolatile(o.array, 2, 5); System.out.println((int) ARRAY.getAndSet(o.array, 2, 8) + Arrays.toString(o.array));
        try { max.invokeExact(1, 2); } catch (WrongMethodTypeException e) { System.out.println(e.getMessage()); }
        try { ARRAY.get(o.array, 9); } catch (ArrayIndexOutOfBoundsException e) { System.out.println(e.getMessage()); }
        SwitchPoint sp = new SwitchPoint(); MethodHandle s = sp.guardWithTest(MethodHandles.constant(String.class, "on"), MethodHandles.constant(String.class, "off")); System.out.print((String) s.invokeExact()); SwitchPoint.invalidateAll(new SwitchPoint[]{sp}); System.out.println((String) s.invokeExact());
    }

    static void reflection() throws Exception {
        Class<?> c = Noted.class;
        System.out.println(c.toGenericString() + " " + Arrays.toString(c.getTypeParameters()[0].getBounds()) + c.getAnnotation(Note.class));
        Method m = Arrays.stream(c.getDeclaredMethods()).findFirst().get();
        System.out.println(m.toGenericString() + Arrays.toString(m.getAnnotations()) + m.isVarArgs() + Arrays.toString(m.getParameters()));
        for (Field f : c.getDeclaredFields()) System.out.println(f.toGenericString());
        System.out.println(Noted.Inner.class.getName() + " " + Noted.Inner.class.getSimpleName() + " " + Noted.Inner.class.getEnclosingClass() + " " + int[][].class.getName() + new Object() { }.getClass().getEnclosingMethod());
        Constructor<?> k = c.getDeclaredConstructors()[0]; Object o = k.newInstance("v"); Field n = c.getDeclaredField("n"); n.setInt(o, 12); System.out.println(n.get(o) + " " + m.invoke(o, "v", new int[0]));
        try { Integer.class.getMethod("parseInt", String.class).invoke(null, "q"); } catch (InvocationTargetException e) { System.out.println(e.getCause()); }
        Object a = Array.newInstance(long.class, 3); Array.setLong(a, 1, 5); System.out.println(Array.get(a, 1) + " " + Array.getLength(a) + a.getClass().getComponentType());
        for (int i = 0; i < 20; i++) n.setInt(o, i); Method g = String.class.getMethod("length"); int sum = 0; for (int i = 0; i < 40; i++) sum += (int) g.invoke("abc"); System.out.println(sum);
        try { Object x = Broken.x; } catch (ExceptionInInitializerError e) { System.out.println(e.getCause()); }
        try { Object x = Broken.x; } catch (NoClassDefFoundError e) { System.out.println(e.getMessage() + "|" + e.getCause()); }
        try { Class.forName("no.such.Type"); } catch (ClassNotFoundException e) { System.out.println(e.getMessage()); }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(); new ObjectOutputStream(bytes).writeObject(new Noted<>("ser")); Noted<?> back = (Noted<?>) new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray())).readObject(); System.out.println(back.v + " " + back.n + " " + back.t);
        System.out.println(Shape.unit().area() + Shape.unit().q());
        System.out.println(ServiceLoader.load(java.nio.file.spi.FileSystemProvider.class).stream().map(p -> p.type().getName()).sorted().collect(Collectors.toList()));
    }

    static void files() throws Exception {
        Path d = Files.createTempDirectory("lib"); Path f = d.resolve("a.txt"); Files.writeString(f, "one\ntwo\nthree\u00e9\n"); System.out.println(Files.readAllLines(f) + " " + Files.size(f));
        try (Stream<String> lines = Files.lines(f)) { System.out.println(lines.filter(x -> x.startsWith("t")).count()); }
        try (ZipOutputStream z = new ZipOutputStream(Files.newOutputStream(d.resolve("z.zip")))) { z.putNextEntry(new ZipEntry("e")); z.write(new byte[1000]); z.closeEntry(); }
        try (ZipFile z = new ZipFile(d.resolve("z.zip").toFile())) { System.out.println(z.size() + " " + z.getEntry("e").getSize() + " " + z.getInputStream(z.getEntry("e")).readAllBytes().length); }
        try (FileSystem z = FileSystems.newFileSystem(d.resolve("z.zip"))) { System.out.println(Files.exists(z.getPath("e"))); }
        try (RandomAccessFile r = new RandomAccessFile(f.toFile(), "rw")) { MappedByteBuffer m = r.getChannel().map(java.nio.channels.FileChannel.MapMode.READ_WRITE, 0, 8); m.put(0, (byte) 'O'); m.force(); r.seek(0); System.out.println(r.readLine()); }
        try (Stream<Path> w = Files.walk(d)) { w.sorted(Comparator.reverseOrder()).forEach(p -> { try { Files.delete(p); } catch (IOException e) { throw new UncheckedIOException(e); } }); }
        try { Files.readString(f); } catch (NoSuchFileException e) { System.out.println("gone"); }
        Process p = new ProcessBuilder("sh", "-c", "echo child; exit 4").start(); System.out.println(new String(p.getInputStream().readAllBytes()).trim() + p.waitFor());
    }

    static void network() throws Exception {
        try (ServerSocket s = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread t = new Thread(() -> { try (Socket c = s.accept()) { c.getOutputStream().write(c.getInputStream().readNBytes(5)); } catch (IOException e) { e.printStackTrace(); } }); t.start();
            try (Socket c = new Socket(s.getInetAddress(), s.getLocalPort())) { c.getOutputStream().write("hello".getBytes()); System.out.println(new String(c.getInputStream().readAllBytes())); }
            t.join();
        }
    }

    static void text() throws Exception {
        System.out.println(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest("x".getBytes())).substring(0, 16) + " " + new CRC32() {{ update("abc".getBytes()); }}.getValue());
        Matcher m = Pattern.compile("(?<k>\\w+)=(\\d+)").matcher("a=1, bb=22"); while (m.find()) System.out.print(m.group("k") + m.group(2) + ";"); System.out.println();
        System.out.println(DateTimeFormatter.ISO_INSTANT.format(Instant.ofEpochSecond(1e9 > 1 ? 1000000000L : 0)) + " " + ZonedDateTime.of(2024, 3, 31, 1, 30, 0, 0, ZoneId.of("Europe/Berlin")).plusHours(1) + " " + Duration.ofSeconds(3661));
        System.out.println(new String("gr\u00fc\u00df \u20ac".getBytes(StandardCharsets.UTF_16LE), StandardCharsets.UTF_16LE) + Charset.forName("windows-1252").encode("\u20ac").get(0) + " " + "\ud83d\ude00".codePointAt(0));
        System.out.println(String.format(Locale.GERMANY, "%,.2f", 1234567.891) + String.join("|", new TreeSet<>(List.of("b", "a"))) + "x".repeat(3) + " a ".strip() + "A".compareTo("C"));
        System.out.println(new Scanner("1 2.5 x").nextInt() + " " + Double.parseDouble("1e-3") + Double.toString(1e21) + Float.MIN_VALUE + Math.pow(2, 0.5) + Math.sin(1) + StrictMath.log(2) + Math.floorMod(-7, 3) + Math.fma(2.0, 3, 4) + Long.toUnsignedString(-1) + Integer.toHexString(-1) + Integer.bitCount(255));
        Map<Integer, Integer> squares = IntStream.rangeClosed(1, 5).boxed().collect(Collectors.toMap(x -> x, x -> x * x)); System.out.println(squares);
        StringBuilder b = new StringBuilder(); for (Object o : new Object[]{1, 2L, 3.0f, 'c', true, null, "s", (byte) 1}) b.append(o).append(o instanceof Number n ? n.intValue() : -1); System.out.println(b);
        BitSet bs = new BitSet(); bs.set(1, 70, true); System.out.println(bs.cardinality() + " " + Objects.hash(1, "a") + " " + Arrays.deepToString(new int[][]{{1}, {2, 3}}) + UUID.nameUUIDFromBytes(new byte[3]) + new StringTokenizer("a b").countTokens() + Base64.getEncoder().encodeToString("guise".getBytes()));
        ByteBuffer bb = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN); bb.putInt(0x01020304).putDouble(1.5).flip(); System.out.println(bb.get(0) + " " + bb.getInt() + " " + bb.getDouble() + Arrays.mismatch(new byte[]{1, 2, 3}, new byte[]{1, 2, 4}));
        javax.crypto.Cipher c = javax.crypto.Cipher.getInstance("AES/CBC/PKCS5Padding"); c.init(1, new javax.crypto.spec.SecretKeySpec(new byte[16], "AES"), new javax.crypto.spec.IvParameterSpec(new byte[16])); System.out.println(HexFormat.of().formatHex(c.doFinal("text".getBytes())));
        long big = 0; for (long i = 1; i < 50; i++) { big ^= i << (i % 64); big += big >>> 3; big = big / i % 1000003 * i; } int x = 7; x <<= 33; x ^= ~x >>> 2; System.out.println(big + " " + x + " " + (char) ('a' + 1) + (5 / 2.0f) + (float) 1e40 + (int) 3.99f + (short) 70000);
    }

    public static void main(String[] args) throws Throwable {
        handles(); reflection(); files(); network(); text();
        int depth = 0; try { deep(0); } catch (StackOverflowError e) { System.out.println(e.getStackTrace().length); }
        label: for (int i = 0; ; i++) { switch (i) { case 3: break label; case 1: continue label; default: System.out.print(i); } finally2(i); } System.out.println();
        System.out.println(finally3() + tryRes());
    }
    static void finally2(int i) { try { if (i == 0) return; } finally { System.out.print("f" + i); } }
    @SuppressWarnings("finally") static int finally3() { try { throw new RuntimeException(); } catch (RuntimeException e) { return 1; } finally { return 2; } }
    static String tryRes() { StringBuilder s = new StringBuilder(); try (AutoCloseable a = () -> s.append("a"); AutoCloseable b = () -> { s.append("b"); throw new IOException("close"); }) { throw new Exception("body"); } catch (Exception e) { s.append(e.getMessage()).append(e.getSuppressed()[0].getMessage()); } return s.toString(); }
    static int deep(int n) { return deep(n + 1) + 1; }
}
