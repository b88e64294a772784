/** Says that it is there, then waits; its shutdown hook says goodbye. */
public class Waits {
    public static void main(String[] args) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("goodbye")));
        System.out.println("waiting " + String.join(",", args));
        if (args.length > 1) return;
        Thread.sleep(100000);
    }
}
