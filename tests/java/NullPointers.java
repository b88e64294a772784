/** What was null, in words: helpful messages of NullPointerException. */
public class NullPointers {
  int f; NullPointers next; int[] a; static NullPointers s; String str; static int[] sa; Object[] oa = new Object[2]; synchronized void sync() {}
  NullPointers get() { return null; } static NullPointers sget(int i) { return null; }
  static void t(Runnable r) { try { r.run(); } catch (NullPointerException e) { System.out.println(e.getMessage()); } }
  static void local(NullPointers p, int[] arr, int k) {
    NullPointers q = null; int[][] m = new int[2][]; Object o = null; long[] la = null;
    t(() -> { NullPointers z = null; z.f = 1; });
    try { System.out.println(p.f); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { q.next.f = 3; } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { arr[k] = 3; } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { m[1][k + 1] = 3; } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { s.get(); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { sget(3).next.get(); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { new NullPointers().get().sync(); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { new NullPointers().next.next.str.length(); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { synchronized (o) { } } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { throw null; } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { System.out.println(la.length); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { System.out.println(sa[2]); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { int x = (Integer) o; } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { new NullPointers().oa[1].toString(); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { la[(int) 3L] = 5; } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { java.util.Objects.requireNonNull(null); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { ((NullPointers) o).f++; } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    try { System.out.println(new NullPointers().a[p.f]); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
    switch (0) { case 0: String str = null; try { switch (str) { case "a": } } catch (NullPointerException e) { System.out.println(e.getMessage()); } }
  }
  public static void main(String[] x) { local(null, null, 1); String s = null; s.length(); }
}
