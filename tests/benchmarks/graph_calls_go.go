// Writes the sites file of graph_calls.py for Go packages, by go/types.
//
//	go run graph_calls_go.go DIRECTORY... > sites
//
// Test files and files for other platforms are left out, as the compiler would.
package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"strings"
)

func main() {
	files := token.NewFileSet()
	config := types.Config{
		Importer:    importer.ForCompiler(files, "source", nil),
		Error:       func(error) {},
		FakeImportC: true,
	}
	for _, directory := range os.Args[1:] {
		packages, err := parser.ParseDir(files, directory, matching(directory), 0)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		for name, parsed := range packages {
			check(files, config, name, parsed)
		}
	}
}

func matching(directory string) func(fs.FileInfo) bool {
	context := build.Default
	context.CgoEnabled = false
	return func(file fs.FileInfo) bool {
		fits, err := context.MatchFile(directory, file.Name())
		return err == nil && fits && !strings.HasSuffix(file.Name(), "_test.go")
	}
}

func check(files *token.FileSet, config types.Config, name string, parsed *ast.Package) {
	var trees []*ast.File
	for _, tree := range parsed.Files {
		trees = append(trees, tree)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config.Check(name, files, trees, info)
	for _, tree := range trees {
		ast.Inspect(tree, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok {
				report(files, info, call)
			}
			return true
		})
	}
}

func report(files *token.FileSet, info *types.Info, call *ast.CallExpr) {
	var name *ast.Ident
	switch callee := call.Fun.(type) {
	case *ast.Ident:
		name = callee
	case *ast.SelectorExpr:
		name = callee.Sel
	}
	if name == nil || info.Uses[name] == nil {
		return
	}
	site := files.Position(name.Pos())
	home := files.Position(info.Uses[name].Pos())
	where := ""
	if home.IsValid() {
		where = fmt.Sprintf("%s:%d", home.Filename, home.Line)
	}
	fmt.Printf("%s:%d:%d\t%s\n", site.Filename, site.Line, site.Column, where)
}
