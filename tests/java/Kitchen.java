import java.util.*; import java.util.function.*; import java.util.stream.*; import java.util.concurrent.*; import java.lang.reflect.*;
public class Kitchen {
  record Point(int x, int y) { double norm() { return Math.sqrt(x*x+y*y); } }
  sealed interface Shape permits Circle, Square {}
  record Circle(double r) implements Shape {} record Square(double s) implements Shape {}
  enum Color { RED, GREEN { @Override int v() { return 7; } }; int v() { return 1; } }
  interface Greeter { String greet(String n); default String twice(String n) { return greet(n)+greet(n);} }
  static int fib(int n) { return n < 2 ? n : fib(n-1)+fib(n-2); }
  static String sw(String s) { switch (s) { case "a": return "A"; case "b": return "B"; default: return "?"; } }
  static double area(Object s) { if (s instanceof Circle c) return Math.PI*c.r(); if (s instanceof Square q) return q.s()*q.s(); return -1; }
  public static void main(String[] args) throws Exception {
    System.out.println(new Point(3,4) + " " + new Point(3,4).norm() + " " + new Point(3,4).equals(new Point(3,4)) + " " + new Point(3,4).hashCode());
    System.out.println(area(new Circle(2)) + " " + area(new Square(3)));
    System.out.println(Arrays.toString(Color.values()) + Color.GREEN.v() + Color.RED.v());
    Greeter g = n -> "hi " + n; System.out.println(g.twice("bob"));
    Function<Integer,Integer> f = Kitchen::fib; System.out.println(f.andThen(x -> x * 2).apply(20));
    System.out.println(IntStream.range(0, 100).filter(i -> i % 3 == 0).boxed().map(i -> "" + i).collect(Collectors.joining(",")));
    Map<Integer, Long> gm = Stream.of("x","yy","zzz").collect(Collectors.groupingBy(s -> s.length(), Collectors.counting())); System.out.println(gm);
    Greeter p = (Greeter) Proxy.newProxyInstance(Kitchen.class.getClassLoader(), new Class<?>[]{Greeter.class}, (o, m, a) -> m.getName() + a[0]);
    System.out.println(p.greet("!"));
    List<String> sw = StackWalker.getInstance().walk(s -> s.map(x -> x.getMethodName()).collect(Collectors.toList())); System.out.println(sw);
    ExecutorService ex = Executors.newFixedThreadPool(4); List<Future<Integer>> fs = new ArrayList<>();
    for (int i = 0; i < 8; i++) { int k = i; fs.add(ex.submit(() -> fib(k + 10))); }
    int sum = 0; for (Future<Integer> x : fs) sum += x.get(); System.out.println(sum); ex.shutdown(); System.out.println(ex.awaitTermination(5, TimeUnit.SECONDS));
    System.out.println(CompletableFuture.supplyAsync(() -> 21).thenApply(x -> x * 2).get());
    System.out.println(sw("a") + sw("b") + sw("c"));
    System.out.println("""
      text
        block""");
    try { Object o = "s"; Integer i = (Integer) o; } catch (ClassCastException e) { System.out.println(e.getMessage()); }
    try { int[] a = new int[2]; a[2] = 1; } catch (ArrayIndexOutOfBoundsException e) { System.out.println(e.getMessage()); }
    try { throw new IllegalStateException("x", new RuntimeException("y")); } catch (Exception e) { java.io.StringWriter w = new java.io.StringWriter(); e.printStackTrace(new java.io.PrintWriter(w)); System.out.print(w); }
    try { rec(0); } catch (StackOverflowError e) { System.out.println("SOE"); }
    System.out.println(String.format("%5.2f|%-5s|%05d|%x", 3.14159, "ab", 42, 255));
    Method m = Kitchen.class.getDeclaredMethod("fib", int.class); System.out.println(m.invoke(null, 15) + " " + m);
    System.out.println(new HashMap<>(Map.of("k", 1)).toString() + List.of(1,2,3) + Optional.of(5));
    long t = 0; for (long i = 0; i < 1000; i++) t += i * i % 7; System.out.println(t);
    var sb = new StringBuilder(); for (char c = 'a'; c < 'f'; c++) sb.append(c).append((int) c); System.out.println(sb.reverse());
    int[] arr = new Random(42).ints(20, 0, 100).toArray(); Arrays.sort(arr); System.out.println(Arrays.toString(arr));
    System.out.println(1.0f/3 + " " + 1.0/3 + " " + (int) Double.NaN + " " + (long) 1e30 + " " + (byte) 300 + " " + Long.MIN_VALUE / -1 + " " + 5 % -3 + " " + -5.5 % 2);
    Thread th = new Thread(() -> System.out.println(Thread.currentThread().getName())); th.start(); th.join();
    Object lock = new Object(); boolean[] done = {false};
    Thread w = new Thread(() -> { synchronized (lock) { done[0] = true; lock.notifyAll(); } });
    synchronized (lock) { w.start(); while (!done[0]) lock.wait(); } System.out.println("notified");
    System.out.println(java.time.LocalDate.of(2024, 2, 28).plusDays(2) + " " + java.math.BigInteger.TWO.pow(100) + " " + new java.math.BigDecimal("1.10").add(java.math.BigDecimal.ONE));
    System.out.println("a1b22".replaceAll("[0-9]+", "#") + " " + "x,y".split(",").length + " " + "ß€😀".length() + " ß€😀".toUpperCase());
    System.out.println(System.getProperty("java.version") + Kitchen.class.getModule().isNamed() + Object.class.getModule());
    List<byte[]> junk = new ArrayList<>(); for (int i = 0; i < 3000; i++) { byte[] b = new byte[100000]; if (i % 100 == 0) junk.add(b); } System.out.println(junk.size());
    throw new Exception("bye");
  }
  static int rec(int n) { return rec(n + 1) + 1; }
}
