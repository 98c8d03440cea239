import com.sun.source.tree.*;
import com.sun.source.util.*;
import java.nio.file.*;
import java.util.*;
import javax.lang.model.element.Element;
import javax.tools.*;

/**
 * Writes the sites file of graph_calls.py for a Java source tree, by javac.
 *
 * <p>java GraphCalls.java SOURCES [javac options] &gt; sites
 */
public class GraphCalls {
  public static void main(String[] args) throws Exception {
    List<Path> files;
    try (var walk = Files.walk(Path.of(args[0]))) {
      files = walk.filter(path -> path.toString().endsWith(".java"))
          .filter(path -> !path.toString().endsWith("-info.java")).toList();
    }
    var compiler = ToolProvider.getSystemJavaCompiler();
    var manager = compiler.getStandardFileManager(null, null, null);
    var options = List.of(args).subList(1, args.length);
    var task = (JavacTask) compiler.getTask(
        null, manager, problem -> {}, options, null, manager.getJavaFileObjectsFromPaths(files));
    List<CompilationUnitTree> units = new ArrayList<>();
    task.parse().forEach(units::add);
    task.analyze();
    Trees trees = Trees.instance(task);
    for (CompilationUnitTree unit : units) {
      new Scanner(trees, unit).scan(unit, null);
    }
  }

  private static class Scanner extends TreePathScanner<Void, Void> {
    private final Trees trees;
    private final CompilationUnitTree unit;

    Scanner(Trees trees, CompilationUnitTree unit) {
      this.trees = trees;
      this.unit = unit;
    }

    @Override
    public Void visitMethodInvocation(MethodInvocationTree call, Void unused) {
      ExpressionTree callee = call.getMethodSelect();
      report(trees.getElement(new TreePath(getCurrentPath(), callee)), callee);
      return super.visitMethodInvocation(call, unused);
    }

    @Override
    public Void visitNewClass(NewClassTree call, Void unused) {
      Element constructor = trees.getElement(getCurrentPath());
      Tree made = call.getIdentifier();
      if (made instanceof ParameterizedTypeTree generic) {
        made = generic.getType();
      }
      Element type = constructor == null ? null : constructor.getEnclosingElement();
      if (call.getClassBody() != null) {  // an anonymous class: the type that it names
        type = trees.getElement(new TreePath(getCurrentPath(), made));
      }
      report(type, made);
      return super.visitNewClass(call, unused);
    }

    private void report(Element element, Tree callee) {
      SourcePositions positions = trees.getSourcePositions();
      long at = positions.getStartPosition(unit, callee);
      if (callee instanceof MemberSelectTree member) {
        at = positions.getEndPosition(unit, callee) - member.getIdentifier().length();
      }
      if (element == null || at < 0) {
        return;
      }
      TreePath home = trees.getPath(element);
      String where = home == null
          ? ""
          : place(home.getCompilationUnit(), positions.getStartPosition(
              home.getCompilationUnit(), home.getLeaf()));
      LineMap lines = unit.getLineMap();
      System.out.println(place(unit, at) + ":" + lines.getColumnNumber(at) + "\t" + where);
    }

    private static String place(CompilationUnitTree unit, long position) {
      return unit.getSourceFile().getName() + ":" + unit.getLineMap().getLineNumber(position);
    }
  }
}
