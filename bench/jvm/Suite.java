import java.util.*; import java.util.stream.*;
/** Programs that bench/java times: one line each, name, microseconds, result. */
public class Suite {
  static int fib(int n) { return n < 2 ? n : fib(n-1)+fib(n-2); }
  static double nbody(int n) { double x=0,y=1,vx=0.5,vy=0; for (int i=0;i<n;i++){ double d=x*x+y*y; double m=0.001/(d*Math.sqrt(d)); vx-=x*m; vy-=y*m; x+=vx*0.001; y+=vy*0.001;} return x+y; }
  static int mandel(int n) { int c=0; for(int i=0;i<n;i++)for(int j=0;j<n;j++){ double cr=2.0*i/n-1.5,ci=2.0*j/n-1,zr=0,zi=0; int k=0; while(k<50&&zr*zr+zi*zi<4){double t=zr*zr-zi*zi+cr; zi=2*zr*zi+ci; zr=t;k++;} c+=k;} return c; }
  static final class T { T l,r; T(int d){ if(d>0){l=new T(d-1);r=new T(d-1);} } int n(){ return l==null?1:1+l.n()+r.n(); } }
  static int trees(int n) { int s=0; for(int i=0;i<n;i++) s+=new T(14).n(); return s; }
  static int sieve(int n) { int c=0; for(int r=0;r<5;r++){ boolean[] b=new boolean[n]; for(int i=2;i<n;i++) if(!b[i]){c++; for(int j=i+i;j<n;j+=i) b[j]=true;} } return c; }
  static int map(int n) { HashMap<Integer,Integer> m=new HashMap<>(); for(int i=0;i<n;i++) m.merge(i%5000, i, Integer::sum); int s=0; for(int v:m.values()) s+=v; return s; }
  static int strings(int n) { int h=0; for(int i=0;i<n;i++){ StringBuilder b=new StringBuilder(); b.append("item").append(i).append(':').append(i*3); h+=b.toString().hashCode(); } return h; }
  static int sort(int n) { int[] a=new Random(1).ints(n).toArray(); Arrays.sort(a); Integer[] b=new Random(2).ints(n/4).boxed().toArray(Integer[]::new); Arrays.sort(b, Comparator.reverseOrder()); return a[n/2]^b[10]; }
  interface Op { int f(int x); } static class A implements Op { public int f(int x){return x+1;} } static class B implements Op { public int f(int x){return x*3;} } static class C implements Op { public int f(int x){return x^7;} }
  static int virt(int n) { Op[] o={new A(),new B(),new C()}; int s=1; for(int i=0;i<n;i++) s=o[i%3].f(s); return s; }
  static long streams(int n) { return IntStream.range(0,n).filter(i->i%3==0).mapToLong(i->i*2L).sum() + Stream.iterate(1,i->i+1).limit(n/10).map(i->i*2).collect(Collectors.toList()).size(); }
  static int exc(int n) { int c=0; for(int i=0;i<n;i++) try { if(i%2==0) throw new RuntimeException(); } catch(RuntimeException e){c++;} return c; }
  static int sync(int n) { Object o=new Object(); int c=0; for(int i=0;i<n;i++) synchronized(o){c++;} return c; }
  static int fannkuch(int n) { int[] p=new int[n],q=new int[n],s=new int[n]; int sign=1,maxflips=0,sum=0; for(int i=0;i<n;i++){p[i]=i;q[i]=i;s[i]=i;} do{ int q0=p[0]; if(q0!=0){ for(int i=1;i<n;i++) q[i]=p[i]; int flips=1; do{ int qq=q[q0]; if(qq==0){ sum+=sign*flips; if(flips>maxflips) maxflips=flips; break;} q[q0]=q0; if(q0>=3){int i=1,j=q0-1,t; do{t=q[i];q[i]=q[j];q[j]=t;i++;j--;}while(i<j);} q0=qq; flips++; }while(true);} if(sign==1){int t=p[0];p[0]=p[1];p[1]=t;sign=-1;} else {int t=p[1];p[1]=p[2];p[2]=t;sign=1; for(int i=2;i<n;i++){int sx=s[i]; if(sx!=0){s[i]=sx-1;break;} if(i==n-1) return sum*100+maxflips; s[i]=i; t=p[0]; for(int j=0;j<=i;j++) p[j]=p[j+1]; p[i+1]=t; }} }while(true); }
  interface R { long run(); }
  static void t(String name, R r) { long a=System.nanoTime(); long v=r.run(); long b=System.nanoTime(); System.out.printf("%s %d %d%n", name, (b-a)/1000, v); }
  public static void main(String[] x) { double k = x.length>0 ? Double.parseDouble(x[0]) : 1;
    t("fib", () -> fib(30)); t("nbody", () -> (long)(1e6*nbody((int)(k*2000000)))); t("mandel", () -> mandel(200)); t("trees", () -> trees(30)); t("sieve", () -> sieve(1000000)); t("hashmap", () -> map(500000)); t("strings", () -> strings(150000)); t("sort", () -> sort(200000)); t("virtual", () -> virt(5000000)); t("streams", () -> streams(500000)); t("exceptions", () -> exc(100000)); t("sync", () -> sync(2000000)); t("fannkuch", () -> fannkuch(8)); }
}
