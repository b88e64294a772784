import java.util.*;

/** Class files with a few bytes changed: what each is refused with, or that it is taken. */
public class Mutants {
    static final class Loader extends ClassLoader {
        Class<?> define(byte[] b) { return defineClass(null, b, 0, b.length); }
        @Override protected Class<?> findClass(String name) throws ClassNotFoundException { throw new ClassNotFoundException(name); }
    }

    /** Has one of each: constants of every kind, fields, handlers, attributes. */
    @Deprecated
    static abstract class Victim<T> implements Comparable<T>, Runnable {
        static final int I = 5; static final long L = 1L << 40; static final String S = "text"; static final double D = 2.5; static final float F = 1.5f;
        private volatile T t; protected transient int[] a;
        abstract void nothing() throws Exception;
        synchronized int work(int n, long... more) throws java.io.IOException { try { Runnable r = () -> System.out.println(n); r.run(); return switch (n) { case 1 -> 2; case 9 -> 3; default -> (int) more[0]; }; } catch (RuntimeException e) { return S.length() + "x".concat("y" + n).length(); } finally { a = new int[n]; } }
        record R(int x, String y) { }
        enum E { A, B }
    }

    public static void main(String[] args) throws Exception {
        boolean words = args.length > 2;
        byte[] original;
        try (var in = Mutants.class.getResourceAsStream("Mutants$Victim.class")) { original = in.readAllBytes(); }
        Random random = new Random(7);
        Map<String, Integer> counts = new TreeMap<>();
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < 4000; i++) {
            byte[] b = original.clone();
            for (int k = 1 + random.nextInt(2); k > 0; k--) b[random.nextInt(b.length)] = (byte) (random.nextBoolean() ? random.nextInt(256) : random.nextInt(12));
            if (random.nextInt(20) == 0) b = Arrays.copyOf(b, random.nextInt(b.length + 4));
            String what;
            try { new Loader().define(b); what = "taken"; } catch (Throwable e) { what = e.getClass().getSimpleName() + (words ? " " + e.getMessage() : ""); }
            if (words) System.out.println(i + " " + what);
            counts.merge(what, 1, Integer::sum);
            all.append(what.charAt(0));
        }
        if (!words) System.out.println(counts + " " + all.toString().hashCode());
    }
}
