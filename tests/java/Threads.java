import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.concurrent.locks.*;

/** Monitors, waiting, parking, interrupts, executors. */
public class Threads {
    static int counter;
    static synchronized void inc() { counter++; }
    static volatile boolean stop;

    public static void main(String[] args) throws Exception {
        Thread[] ts = new Thread[8];
        for (int i = 0; i < ts.length; i++) { ts[i] = new Thread(() -> { for (int k = 0; k < 20000; k++) inc(); }); ts[i].start(); }
        for (Thread t : ts) t.join();
        System.out.println(counter);
        AtomicLong al = new AtomicLong(); LongAdder adder = new LongAdder(); ReentrantLock lock = new ReentrantLock(); int[] plain = {0};
        ExecutorService ex = Executors.newFixedThreadPool(6);
        for (int i = 0; i < 6; i++) ex.execute(() -> { for (int k = 0; k < 5000; k++) { al.incrementAndGet(); adder.increment(); lock.lock(); try { plain[0]++; } finally { lock.unlock(); } } });
        ex.shutdown(); System.out.println(ex.awaitTermination(20, TimeUnit.SECONDS) + " " + al + " " + adder + " " + plain[0]);
        BlockingQueue<Integer> q = new ArrayBlockingQueue<>(4); long[] sum = {0};
        Thread prod = new Thread(() -> { try { for (int i = 1; i <= 2000; i++) q.put(i); q.put(-1); } catch (InterruptedException e) { } });
        Thread cons = new Thread(() -> { try { for (int v; (v = q.take()) != -1; ) sum[0] += v; } catch (InterruptedException e) { } });
        prod.start(); cons.start(); prod.join(); cons.join(); System.out.println(sum[0]);
        Thread sleeper = new Thread(() -> { try { Thread.sleep(100000); } catch (InterruptedException e) { System.out.println("interrupted " + Thread.currentThread().isInterrupted() + e.getMessage()); } });
        sleeper.start(); Thread.sleep(20); sleeper.interrupt(); sleeper.join();
        Object m = new Object();
        Thread waiter = new Thread(() -> { synchronized (m) { try { m.wait(); } catch (InterruptedException e) { System.out.println("wait interrupted"); } } });
        waiter.start(); while (waiter.getState() != Thread.State.WAITING && !waiter.isInterrupted()) { Thread.sleep(5); if (args.length < 9) break; } waiter.interrupt(); waiter.join();
        synchronized (m) { long a = System.nanoTime(); m.wait(30); System.out.println(System.nanoTime() - a >= 29_000_000); }
        try { m.notify(); } catch (IllegalMonitorStateException e) { System.out.println(e.getMessage()); }
        Thread parker = new Thread(() -> { LockSupport.park(); System.out.println("unparked"); }); parker.start(); Thread.sleep(10); LockSupport.unpark(parker); parker.join();
        Thread spin = new Thread(() -> { long n = 0; while (!stop) n++; System.out.println(n > 0); }); spin.start(); Thread.sleep(30); System.gc(); stop = true; spin.join();
        ThreadLocal<Integer> tl = ThreadLocal.withInitial(() -> 5); System.out.println(tl.get());
        CyclicBarrier barrier = new CyclicBarrier(3); CountDownLatch latch = new CountDownLatch(3); Semaphore sem = new Semaphore(1);
        for (int i = 0; i < 3; i++) new Thread(() -> { try { barrier.await(); sem.acquire(); sem.release(); latch.countDown(); } catch (Exception e) { e.printStackTrace(); } }).start();
        System.out.println(latch.await(10, TimeUnit.SECONDS));
        ConcurrentHashMap<Integer, Integer> chm = new ConcurrentHashMap<>(); ForkJoinPool pool = new ForkJoinPool(4);
        pool.submit(() -> java.util.stream.IntStream.range(0, 10000).parallel().forEach(i -> chm.merge(i % 100, 1, Integer::sum))).get(); System.out.println(chm.size() + " " + chm.get(5));
        ScheduledExecutorService ses = Executors.newScheduledThreadPool(1); System.out.println(ses.schedule(() -> "scheduled", 10, TimeUnit.MILLISECONDS).get()); ses.shutdownNow();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        Thread bad = new Thread(() -> { throw new IllegalStateException("in thread"); }, "bad"); bad.start(); bad.join();
        Map<Thread, StackTraceElement[]> all = Thread.getAllStackTraces(); System.out.println(all.get(Thread.currentThread())[all.get(Thread.currentThread()).length - 1]);
        Thread d = new Thread(() -> { while (true) { try { Thread.sleep(1000); } catch (InterruptedException e) { } } }); d.setDaemon(true); d.start();
        System.exit(3);
    }
}
