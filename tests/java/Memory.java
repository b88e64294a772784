import java.lang.ref.*;
import java.util.*;

/** The collector: graphs survive, garbage goes, references are cleared, errors are survived. */
public class Memory {
    static final class Node { Node left, right; long[] data = new long[3]; int id;
        Node(int depth, int id) { this.id = id; data[1] = id; if (depth > 0) { left = new Node(depth - 1, 2 * id); right = new Node(depth - 1, 2 * id + 1); } }
        long sum() { return id + data[1] + (left == null ? 0 : left.sum() + right.sum()); } }
    static int finalized;
    static class Finalized { @Override protected void finalize() { synchronized (Memory.class) { finalized++; } } }

    static void garbage(int n) { for (int i = 0; i < n; i++) new Finalized(); }
    static List<WeakReference<Object>> weak(int n) { List<WeakReference<Object>> l = new ArrayList<>(); for (int i = 0; i < n; i++) l.add(new WeakReference<>(new byte[100])); return l; }

    static void clearStack(int n) { if (n > 0) { long a = n, b = a + 1; clearStack(n - 1); if (a == b) System.out.println(); } }

    public static void main(String[] args) throws Exception {
        Node keep = new Node(14, 1);
        long before = keep.sum();
        for (int i = 0; i < 60; i++) new Node(13, i).sum();
        System.out.println(before == keep.sum());
        Map<String, List<Integer>> map = new HashMap<>();
        for (int i = 0; i < 200000; i++) map.computeIfAbsent("k" + i % 1000, k -> new ArrayList<>()).add(i);
        System.out.println(map.size() + " " + map.get("k7").size());
        garbage(1000);
        List<WeakReference<Object>> refs = weak(1000);
        ReferenceQueue<Object> queue = new ReferenceQueue<>();
        List<PhantomReference<Object>> phantoms = new ArrayList<>();
        for (int i = 0; i < 1000; i++) phantoms.add(new PhantomReference<>(new Object(), queue));
        SoftReference<byte[]> soft = new SoftReference<>(new byte[1000]);
        clearStack(100);
        int queued = 0;
        for (int i = 0; i < 50; i++) {
            System.gc();
            Thread.sleep(10);
            while (queue.poll() != null) queued++;
            System.runFinalization();
            synchronized (Memory.class) { if (finalized > 900 && queued > 900) break; }
        }
        long cleared = refs.stream().filter(r -> r.get() == null).count();
        if (phantoms.size() != 1000) return;
        System.out.println((cleared > 900) + " " + (finalized > 900) + " " + (queued > 900) + " " + (soft.get() != null));
        WeakHashMap<Object, String> cache = new WeakHashMap<>();
        for (int i = 0; i < 1000; i++) cache.put(new Object(), "x" + i);
        clearStack(100);
        System.gc(); Thread.sleep(20);
        System.out.println(cache.size() < 50);
        try {
            List<long[]> hog = new ArrayList<>();
            for (;;) hog.add(new long[10_000_000]);
        } catch (OutOfMemoryError e) {
            System.out.println(e.getMessage());
        }
        try {
            System.out.println(new int[Integer.MAX_VALUE].length);
        } catch (OutOfMemoryError e) {
            System.out.println(e.getMessage());
        }
        String s = new String("interned").intern();
        System.out.println(s == "interned");
        Thread[] threads = new Thread[4];
        long[] sums = new long[4];
        for (int t = 0; t < 4; t++) { int me = t; threads[t] = new Thread(() -> { for (int i = 0; i < 30; i++) sums[me] += new Node(11, i).sum(); }); threads[t].start(); }
        for (Thread t : threads) t.join();
        System.out.println(Arrays.toString(sums) + (before == keep.sum()));
        java.nio.ByteBuffer direct = java.nio.ByteBuffer.allocateDirect(1 << 20);
        for (int i = 0; i < 200; i++) direct = java.nio.ByteBuffer.allocateDirect(1 << 20);
        System.out.println(direct.capacity());
    }
}
